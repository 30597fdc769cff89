#pragma once
// For the outbox's tests: an outbox with what it needs around it, and what to ask of it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "gateway/outbox/outbox.h"
#include "wire/batch.h"

namespace lineside::gateway {

using namespace std::chrono_literals;

inline config::OutboxSettings quick() {
  config::OutboxSettings settings;
  settings.commit_delay = 1ms;
  settings.queue_records = 1000;
  return settings;
}

// An outbox with what it needs around it.
struct Box {
  explicit Box(const fs::path& dir, const config::OutboxSettings& settings = quick())
      : outbox(Outbox::open(dir, settings, system_clock(), metrics).value()) {}
  void put(Lane lane, std::uint64_t item) { outbox->put(lane, VerdictRecord{.station = "s", .item = item}); }
  void put_many(Lane lane, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t item = first; item <= last; ++item) put(lane, item);
  }
  MetricsRegistry metrics;
  std::unique_ptr<Outbox> outbox;
};

inline std::uint64_t item_of(const Record& record) {
  const auto* verdict = std::get_if<VerdictRecord>(&record.body);
  return verdict == nullptr ? 0 : verdict->item;
}

struct Lost {
  std::uint64_t count = 0;
  std::vector<std::string> causes;
};

// Everything of the lane that is not acknowledged; fails unless it covers each sequence up to the last handed out once.
inline std::vector<Record> everything(Outbox& outbox, Lane lane) {
  EXPECT_TRUE(outbox.flush(10s));
  const LaneStatus status = outbox.status(lane);
  std::vector<Record> records;
  std::uint64_t after = status.acknowledged;
  while (after < status.durable) {
    const auto stored = outbox.read(lane, outbox.epoch(), after, 7, 1 << 20);
    if (!stored || stored->empty()) {
      ADD_FAILURE() << "nothing after " << after << (stored ? "" : to_string(stored.error()));
      break;
    }
    for (const StoredRecord& one : *stored) {
      auto record = wire::decode_record(one.bytes).value();
      EXPECT_EQ(record.sequence, one.sequence);
      EXPECT_EQ(wire::span_first(record), one.first);
      EXPECT_TRUE(one.first == after + 1 || (records.empty() && one.first <= after)) << one.first << " after " << after;
      after = one.sequence;
      records.push_back(std::move(record));
    }
  }
  EXPECT_EQ(after, status.durable);
  EXPECT_EQ(status.durable, status.handed_out);
  return records;
}

inline Lost lost_in(const std::vector<Record>& records) {
  Lost lost;
  for (const Record& record : records)
    if (const auto* loss = std::get_if<LossRecord>(&record.body)) {
      lost.count += loss->last - loss->first + 1;
      lost.causes.push_back(loss->cause);
    }
  return lost;
}

// Runs `work` with an outbox in another process, which then dies by SIGKILL without any cleaning up.
template <class Work>
void in_killed_process(const fs::path& dir, const config::OutboxSettings& settings, Work&& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    Box box(dir, settings);
    work(box);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
}

// Until the outbox has begun another epoch and put the event that tells of it.
inline void wait_for_new_epoch(Outbox& outbox, const std::string& old_epoch, std::uint64_t urgent_last) {
  for (int i = 0; i < 1000; ++i) {
    if (outbox.epoch() != old_epoch && outbox.status(Lane::urgent).handed_out == urgent_last) return;
    std::this_thread::sleep_for(10ms);
  }
  ADD_FAILURE() << "no new epoch within 10 s";
}

inline config::OutboxSettings slow_to_disk() {
  auto settings = quick();
  settings.commit_delay = 10s;
  return settings;
}

}  // namespace lineside::gateway
