// For crash_test.py: puts numbered verdicts into an outbox with an uplink until told to stop, and notes in a shared
// memory file, which outlives kill -9, what it began to put and what it has put.
//
//   crash_producer DIR PORT RATE [BUG]
//
// DIR/items holds two counters for each lane: item begun, item done. After a restart an item that was begun and not
// done may or may not have got a sequence; DIR/unsure lists those. SIGTERM: stops putting, waits until the hub has
// everything.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/signals.h"
#include "gateway/outbox/outbox.h"
#include "gateway/uplink/uplink.h"

namespace {

using namespace lineside;
using namespace std::chrono_literals;

struct Items {
  std::uint64_t begun[2], done[2];
};

Items* map_items(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::ftruncate(fd, sizeof(Items)) != 0) return nullptr;
  void* page = ::mmap(nullptr, sizeof(Items), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return page == MAP_FAILED ? nullptr : static_cast<Items*>(page);
}

void note_unsure(const std::filesystem::path& file, Items& items) {
  std::ofstream unsure(file, std::ios::app);
  for (int lane = 0; lane < 2; ++lane) {
    if (items.begun[lane] == items.done[lane]) continue;
    unsure << lane << ' ' << items.begun[lane] << '\n';
    items.done[lane] = items.begun[lane];
  }
}

void put_item(gateway::Outbox& outbox, Lane lane, Items& items) {
  const auto index = static_cast<int>(lane);
  const std::uint64_t item = items.done[index] + 1;
  std::atomic_ref(items.begun[index]).store(item);
  outbox.put(lane, VerdictRecord{.station = "s1", .item = item, .time = system_clock().wall(), .label = "good"});
  std::atomic_ref(items.done[index]).store(item);
}

bool drained(const gateway::Outbox& outbox) {
  for (const Lane lane : {Lane::urgent, Lane::bulk}) {
    const auto status = outbox.status(lane);
    if (status.acknowledged != status.handed_out) return false;
  }
  return true;
}

// The planted bug: deletes what has been sent some time ago without waiting for the hub. Goes well until the broker or
// the hub is away for a moment.
class DeleteBeforeAck {
 public:
  explicit DeleteBeforeAck(gateway::Outbox& outbox) : outbox_(outbox) {}
  void tick() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + 300ms;
    for (const Lane lane : {Lane::urgent, Lane::bulk}) {
      auto& sent = sent_[static_cast<std::size_t>(lane)];
      (void)outbox_.read(lane, outbox_.epoch(), outbox_.status(lane).acknowledged, 1'000'000, 1 << 30);
      outbox_.acknowledge(lane, outbox_.epoch(), sent);
      sent = outbox_.status(lane).durable;
    }
  }

 private:
  gateway::Outbox& outbox_;
  std::chrono::steady_clock::time_point next_{};
  std::uint64_t sent_[2]{};
};

int run(const std::filesystem::path& dir, int port, int rate, const std::string& bug) {
  Items* items = map_items(dir / "items");
  if (items == nullptr) return 3;
  note_unsure(dir / "unsure", *items);
  MetricsRegistry metrics;
  config::OutboxSettings outbox_settings;
  outbox_settings.commit_delay = 20ms;
  outbox_settings.queue_records = 1000;
  auto outbox = gateway::Outbox::open(dir / "outbox", outbox_settings, system_clock(), metrics);
  if (!outbox) return std::fprintf(stderr, "%s\n", to_string(outbox.error()).c_str()), 3;
  config::UplinkSettings settings;
  settings.broker.port = port;
  settings.broker.tls = false;
  settings.batch_delay = 20ms;
  settings.ack_timeout = 500ms;
  settings.reconnect_min = 50ms;
  settings.reconnect_max = 200ms;
  auto uplink = gateway::Uplink::start(settings, "t1", "g1", **outbox, system_clock(), metrics);
  if (!uplink) return std::fprintf(stderr, "%s\n", to_string(uplink.error()).c_str()), 3;

  auto next = std::chrono::steady_clock::now();
  DeleteBeforeAck planted(**outbox);
  while (!stop_requested()) {
    put_item(**outbox, Lane::urgent, *items);
    put_item(**outbox, Lane::bulk, *items);
    if (bug == "delete-before-ack") planted.tick();
    next += std::chrono::microseconds(1'000'000 / rate);
    std::this_thread::sleep_until(next);
  }
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(50ms);
    if (bug == "delete-before-ack") planted.tick();
    if (drained(**outbox)) return 0;
  }
  std::fprintf(stderr, "the hub did not acknowledge everything within 20 s\n");
  return 4;
}

}  // namespace

int main(int argc, char** argv) {
  catch_stop_signals();
  if (argc < 4) return 2;
  return run(argv[1], std::atoi(argv[2]), std::atoi(argv[3]), argc > 4 ? argv[4] : "");
}
