#pragma once
// What waits for the filter's thread: readings of all sources, in the order they came.
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "base/clock.h"
#include "model/sample.h"

namespace lineside::gateway {

// Thread-safe; memory is taken once. When it is full the oldest readings go, counted (law 4).
class SampleQueue {
 public:
  explicit SampleQueue(std::size_t capacity) : ring_(capacity == 0 ? 1 : capacity) {}

  // Of one poll or message: they get the first one's time of receipt, so that they can share it.
  // All get the time of receipt of the first: they came together, and make one row.
  void push(std::span<const Sample> samples);
  // Adds the oldest to `into`, at most `most`, as soon as there are any; none after `wait_max` or when closed and
  // empty.
  void pop(std::vector<Sample>& into, std::size_t most, nanoseconds wait_max);
  void close();       // nothing is taken any more; what waits can still be had
  bool done() const;  // closed and empty
  std::uint64_t dropped() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable not_empty_;
  std::vector<Sample> ring_;
  std::size_t head_ = 0, size_ = 0;
  std::uint64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace lineside::gateway
