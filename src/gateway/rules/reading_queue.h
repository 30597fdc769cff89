#pragma once
// What waits for the rules' thread: readings of the tags that rules read, in the order in which they came.
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "base/clock.h"
#include "model/sample.h"

namespace lineside::gateway {

// Thread-safe; memory is taken once. When it is full the oldest readings make room, but the newest of each tag is
// always kept: what is dropped, counted, is what a newer reading of its tag has overtaken (law 4). So the rules always
// end with what is true now, also that a tag is bad.
class ReadingQueue {
 public:
  // `wanted`: by tag, whether a rule reads it; others are passed by.
  ReadingQueue(std::size_t capacity, std::vector<bool> wanted);

  // Of one poll or message: all get the time of receipt of the first, so that those without a source time are judged
  // together.
  void push(std::span<const Sample> samples);
  // Adds the oldest to `into`, at most `most` and one for each tag, as soon as there are any; none after `wait_max` or
  // when closed and empty.
  void pop(std::vector<Sample>& into, std::size_t most, nanoseconds wait_max);
  void close();       // nothing is taken any more; what waits can still be had
  bool done() const;  // closed and empty
  std::uint64_t dropped() const;

 private:
  void make_room();

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  const std::vector<bool> wanted_;
  mutable std::mutex mutex_;
  std::condition_variable not_empty_;
  std::vector<Sample> ring_;
  std::size_t head_ = 0, size_ = 0;
  std::vector<Sample> kept_;            // older than what is in the ring, one of a tag
  std::vector<std::uint32_t> kept_at_;  // by tag, into kept_
  std::uint64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace lineside::gateway
