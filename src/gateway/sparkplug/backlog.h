#pragma once
// The readings that a Sparkplug host must still get: bounded; what went out shortly before a connection broke is sent
// again, since nobody knows whether it arrived (QoS 0).
#include <chrono>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/clock.h"
#include "model/sample.h"

namespace lineside::gateway {

// Not thread-safe. A device's readings from before its birth are history, later ones are live.
class Backlog {
 public:
  // Up to `capacity` wait, and as many again are kept for `keep` after they were sent.
  Backlog(std::size_t capacity, std::size_t devices, std::size_t tags, std::chrono::nanoseconds keep);

  // When full the oldest of all goes and is lost.
  void add(std::size_t device, const Sample& sample);
  // A birth told the newest reading of each of the device's tags; everything else that waits is history.
  void born(std::size_t device, MonoTime now);
  // Up to `max` readings of the device, oldest first; they count as sent.
  std::vector<Sample> take_live(std::size_t device, std::size_t max, MonoTime now);
  std::vector<Sample> take_history(std::size_t device, std::size_t max, MonoTime now);
  // What was sent within `keep` before `now` waits again.
  void session_ended(MonoTime now);

  bool has_live(std::size_t device) const { return !devices_[device].live.empty(); }
  bool has_history(std::size_t device) const { return !devices_[device].history.empty(); }
  std::uint64_t lost() const { return lost_; }
  std::size_t waiting() const { return waiting_; }

 private:
  struct Entry {
    Sample sample;
    std::uint64_t number;  // in the order of add()
  };
  struct Sent {
    Entry entry;
    std::size_t device;
    MonoTime at;
  };
  struct Device {
    std::deque<Entry> history, live;  // every number in history is below those in live
  };
  std::vector<Sample> take(std::size_t device, std::deque<Entry>& from, std::size_t max, MonoTime now);
  void keep_sent(std::size_t device, const Entry& entry, MonoTime now);
  void lose_oldest();

  const std::size_t capacity_;
  const std::chrono::nanoseconds keep_;
  std::vector<Device> devices_;
  std::deque<Sent> sent_;
  std::vector<std::uint64_t> newest_;  // of each tag: the number of its newest entry
  std::uint64_t next_ = 1;
  std::size_t waiting_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace lineside::gateway
