#pragma once
// Arrays of single channels, which come one by one, put together to blocks of all channels.
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace lineside::gateway {

struct ChannelArray {
  WallTime time{};  // zero: not said
  std::vector<double> samples;
  std::size_t bytes = 0;  // on their way
};

// Owner thread only.
class ChannelJoiner {
 public:
  // Arrays of the same moment are at most `apart_max` apart. A channel waits with at most kWaiting arrays for others.
  ChannelJoiner(std::size_t channels, nanoseconds apart_max) : waiting_(channels), apart_max_(apart_max) {}

  void add(std::size_t channel, ChannelArray array);
  // One array of each channel, in their order, when they are complete. Those that others have no match for are left
  // out.
  std::optional<std::vector<ChannelArray>> next();
  std::size_t take_unmatched() { return std::exchange(unmatched_, 0); }  // left out since the last call
  void clear();

  static constexpr std::size_t kWaiting = 16;

 private:
  std::vector<std::deque<ChannelArray>> waiting_;
  const nanoseconds apart_max_;
  std::size_t unmatched_ = 0;
};

}  // namespace lineside::gateway
