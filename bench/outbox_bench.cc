// The outbox by itself, one act for each call, so that each is a process of its own. Prints one JSON object.
//
//   outbox_bench durable DIR BYTES SECONDS   puts as fast as the disk takes it (group commit with fsync, default
//   settings) outbox_bench single DIR BYTES SECONDS    puts one record and waits until it is on disk, again and again
//   outbox_bench plain DIR BYTES SECONDS     the same records appended to a bare file, fdatasync after each group
//   outbox_bench fill DIR BYTES RECORDS      a backlog; ends cleanly
//   outbox_bench abandon DIR BYTES RECORDS   as fill, ends by SIGKILL; prints nothing
//   outbox_bench start DIR                   opens it and reads the first batch
//   outbox_bench drain DIR SECONDS           reads and acknowledges as the uplink does, with a hub that answers at once
//
// BYTES 0: verdicts; else tag blocks of so many random bytes. All in the bulk lane.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <format>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include "base/file.h"
#include "gateway/outbox/limits.h"
#include "gateway/outbox/outbox.h"
#include "wire/batch.h"

namespace {

using namespace lineside;
using gateway::Outbox;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kBatchRecords = 500, kBatchBytes = 4u << 20;  // as the uplink's, with a wide window
constexpr std::chrono::seconds kFlushMax{60};

double seconds_since(Steady::time_point then) { return std::chrono::duration<double>(Steady::now() - then).count(); }

std::uint64_t memory_kb(std::string_view key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size() + 1, nullptr, 10);
  return 0;
}

class Records {
 public:
  explicit Records(std::size_t bytes) : content_(bytes) {
    std::mt19937 random(1);
    for (auto& byte : content_) byte = static_cast<std::uint8_t>(random());
  }
  RecordBody next() {
    ++count_;
    if (!content_.empty())
      return TagBlock{
          .stream = "plc", .generation = 1, .index = count_, .rows = 1, .samples = 1, .bytes = content_, .plan = {}};
    return VerdictRecord{.station = "line1/caps",
                         .item = count_,
                         .time = system_clock().wall(),
                         .decision = Decision::pass,
                         .score = 0.1F,
                         .label = "good",
                         .model_version = "caps@12",
                         .deadline_met = true,
                         .decision_ns = 1'200'000};
  }
  std::uint32_t count() const { return count_; }

 private:
  std::vector<std::uint8_t> content_;
  std::uint32_t count_ = 0;
};

struct Box {
  explicit Box(const std::string& dir) {
    settings.bulk_bytes_max = settings.urgent_bytes_max = 1ULL << 40;
    auto opened = Outbox::open(dir, settings, system_clock(), metrics);
    if (!opened) {
      std::cerr << to_string(opened.error()) << '\n';
      std::exit(1);
    }
    outbox = std::move(*opened);
  }
  // Waits where the queue would get full: nothing is lost.
  void put(Records& records) {
    if (records.count() % 256 == 0)
      while (waiting() + 512 > static_cast<std::uint64_t>(settings.queue_records))
        std::this_thread::sleep_for(std::chrono::microseconds{200});
    outbox->put(Lane::bulk, records.next());
  }
  std::uint64_t waiting() const {
    const auto status = outbox->status(Lane::bulk);
    return status.handed_out - status.durable;
  }
  MetricsRegistry metrics;
  config::OutboxSettings settings;
  std::unique_ptr<Outbox> outbox;
};

int durable(const std::string& dir, std::size_t bytes, double seconds, bool one_by_one) {
  Box box(dir);
  Records records(bytes);
  const auto began = Steady::now();
  while (seconds_since(began) < seconds) {
    box.put(records);
    if (one_by_one && !box.outbox->flush(kFlushMax)) return 1;
  }
  if (!box.outbox->flush(kFlushMax)) return 1;
  const double took = seconds_since(began);
  std::cout << std::format(R"({{"records":{},"seconds":{:.3f},"lost":{}}})", records.count(), took,
                           box.outbox->status(Lane::bulk).lost)
            << '\n';
  return 0;
}

int plain(const std::string& dir, std::size_t bytes, double seconds) {
  auto file = AppendFile::open(dir + "/plain");
  Records records(bytes);
  const auto began = Steady::now();
  while (file && seconds_since(began) < seconds) {
    std::string group;
    for (std::size_t i = 0; i < gateway::kGroupRecordsMax; ++i) {
      const auto encoded = wire::encode_record({records.count() + 1U, records.next()});
      group.append(reinterpret_cast<const char*>(encoded.data()), encoded.size());
    }
    if (!file->append(group) || !file->sync()) return 1;
  }
  std::cout << std::format(R"({{"records":{},"seconds":{:.3f}}})", records.count(), seconds_since(began)) << '\n';
  return 0;
}

int fill(const std::string& dir, std::size_t bytes, std::uint32_t wanted, bool abandon) {
  Box box(dir);
  Records records(bytes);
  const auto began = Steady::now();
  while (records.count() < wanted) box.put(records);
  if (!box.outbox->flush(kFlushMax)) return 1;
  if (abandon) ::kill(::getpid(), SIGKILL);
  const auto status = box.outbox->status(Lane::bulk);
  std::cout << std::format(R"({{"records":{},"bytes":{},"seconds":{:.3f},"lost":{},"memory_kb":{}}})", status.records,
                           status.bytes, seconds_since(began), status.lost, memory_kb("VmHWM:"))
            << '\n';
  return 0;
}

int start(const std::string& dir) {
  const auto began = Steady::now();
  Box box(dir);
  const auto first = box.outbox->read(Lane::bulk, box.outbox->epoch(), box.outbox->status(Lane::bulk).acknowledged,
                                      kBatchRecords, kBatchBytes);
  const double took = seconds_since(began);
  if (!first || first->empty()) return 1;
  const auto status = box.outbox->status(Lane::bulk);
  std::cout << std::format(R"({{"records":{},"seconds":{:.4f},"lost":{},"memory_kb":{}}})", status.records, took,
                           status.lost, memory_kb("VmRSS:"))
            << '\n';
  return 0;
}

int drain(const std::string& dir, double seconds) {
  Box box(dir);
  Outbox& outbox = *box.outbox;
  const std::string epoch = outbox.epoch();
  const auto before = outbox.status(Lane::bulk);
  std::uint64_t after = before.acknowledged;
  const auto began = Steady::now();
  while (after < before.durable && seconds_since(began) < seconds) {
    const auto records = outbox.read(Lane::bulk, epoch, after, kBatchRecords, kBatchBytes);
    if (!records || records->empty()) return 1;
    wire::BatchBuilder batch("default", "gateway-1", Lane::bulk, epoch, after + 1, system_clock().wall());
    for (const auto& record : *records) batch.add(record.bytes);
    if (!batch.finish()) return 1;
    after = records->back().sequence;
    outbox.acknowledge(Lane::bulk, epoch, after);
  }
  const double sent = seconds_since(began);
  const std::uint64_t left = before.durable - after;
  while (outbox.status(Lane::bulk).records > left && seconds_since(began) < 2 * seconds)
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  std::cout << std::format(R"({{"records":{},"seconds":{:.3f},"deleted":{},"deleted_seconds":{:.3f},"memory_kb":{}}})",
                           after - before.acknowledged, sent, before.records - outbox.status(Lane::bulk).records,
                           seconds_since(began), memory_kb("VmHWM:"))
            << '\n';
  return 0;
}

int run(std::span<const std::string> args) {
  const std::string &act = args[0], &dir = args[1];
  if (act == "start" && args.size() == 2) return start(dir);
  if (act == "drain" && args.size() == 3) return drain(dir, std::stod(args[2]));
  if (args.size() != 4) return 2;
  const auto bytes = static_cast<std::size_t>(std::stoull(args[2]));
  if (act == "durable" || act == "single") return durable(dir, bytes, std::stod(args[3]), act == "single");
  if (act == "plain") return plain(dir, bytes, std::stod(args[3]));
  if (act == "fill" || act == "abandon")
    return fill(dir, bytes, static_cast<std::uint32_t>(std::stoul(args[3])), act == "abandon");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const int code = args.size() < 2 ? 2 : run(args);
  if (code == 2) std::cerr << "usage: outbox_bench durable|single|plain|fill|abandon|start|drain DIR ...\n";
  return code;
}
