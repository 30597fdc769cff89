#pragma once
// What the tag sources bring, until the publisher's thread takes it: bounded, and in the order in which it came.
#include <cstdint>
#include <deque>
#include <utility>

#include "model/sample.h"

namespace lineside::gateway {

// Not thread-safe: the publisher's lock stands around it.
class Incoming {
 public:
  explicit Incoming(std::size_t capacity) : capacity_(capacity) {}

  // When full the oldest reading goes, counted (law 4).
  void put(const Sample& sample) {
    if (samples_.size() >= capacity_) {
      samples_.pop_front();
      ++gone_;
      ++dropped_;
    }
    samples_.push_back(sample);
    ++next_;
  }

  // A source is there, or gone. Few; of very many of them those go that a later one of the same source contradicts.
  void put(std::size_t source, bool up) {
    if (changes_.size() >= kChangesMax) forget_a_change();
    changes_.push_back({next_, source, up});
  }

  // All of it, in order: on_change(source, up), on_sample(sample).
  void drain(auto&& on_change, auto&& on_sample) {
    while (!changes_.empty() || !samples_.empty()) {
      if (!changes_.empty() && changes_.front().at <= gone_) {
        const Change change = changes_.front();
        changes_.pop_front();
        on_change(change.source, change.up);
      } else {
        const Sample sample = samples_.front();
        samples_.pop_front();
        ++gone_;
        on_sample(sample);
      }
    }
  }

  bool empty() const { return samples_.empty() && changes_.empty(); }
  std::size_t samples() const { return samples_.size(); }
  std::size_t changes() const { return changes_.size(); }
  std::uint64_t take_dropped() { return std::exchange(dropped_, 0); }  // since the last time

 private:
  static constexpr std::size_t kChangesMax = 256;  // more than there are sources
  struct Change {
    std::uint64_t at;  // how many samples were put before it
    std::size_t source;
    bool up;
  };

  void forget_a_change() {
    for (auto old = changes_.begin(); old != changes_.end(); ++old)
      for (auto later = old + 1; later != changes_.end(); ++later)
        if (later->source == old->source) {
          changes_.erase(old);
          return;
        }
  }

  std::size_t capacity_;
  std::deque<Sample> samples_;
  std::deque<Change> changes_;
  std::uint64_t next_ = 0, gone_ = 0;  // samples that were ever put, and that are no longer here
  std::uint64_t dropped_ = 0;
};

}  // namespace lineside::gateway
