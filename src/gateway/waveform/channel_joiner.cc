#include "gateway/waveform/channel_joiner.h"

#include <algorithm>

namespace lineside::gateway {

void ChannelJoiner::add(std::size_t channel, ChannelArray array) {
  auto& queue = waiting_[channel];
  queue.push_back(std::move(array));
  if (queue.size() <= kWaiting) return;
  queue.pop_front();
  ++unmatched_;
}

std::optional<std::vector<ChannelArray>> ChannelJoiner::next() {
  for (;;) {
    if (std::ranges::any_of(waiting_, &std::deque<ChannelArray>::empty)) return std::nullopt;
    WallTime latest{};
    for (const auto& queue : waiting_) latest = std::max(latest, queue.front().time);
    bool together = true;
    for (auto& queue : waiting_) {
      if (queue.front().time == WallTime{} || latest - queue.front().time <= apart_max_) continue;
      queue.pop_front();
      ++unmatched_;
      together = false;
    }
    if (!together) continue;
    std::vector<ChannelArray> block;
    for (auto& queue : waiting_) {
      block.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    return block;
  }
}

void ChannelJoiner::clear() {
  for (auto& queue : waiting_) queue.clear();
}

}  // namespace lineside::gateway
