#include "gateway/telemetry/sample_queue.h"

#include <algorithm>

namespace lineside::gateway {

void SampleQueue::push(std::span<const Sample> samples) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      dropped_ += samples.size();
      return;
    }
    for (const Sample& sample : samples) {
      if (size_ == ring_.size()) {
        head_ = (head_ + 1) % ring_.size();
        --size_;
        ++dropped_;
      }
      Sample& place = ring_[(head_ + size_) % ring_.size()];
      place = sample;
      place.received = samples.front().received;
      ++size_;
    }
  }
  not_empty_.notify_one();
}

void SampleQueue::pop(std::vector<Sample>& into, std::size_t most, nanoseconds wait_max) {
  std::unique_lock lock(mutex_);
  not_empty_.wait_for(lock, wait_max, [&] { return size_ > 0 || closed_; });
  const std::size_t count = std::min(size_, most);
  for (std::size_t i = 0; i < count; ++i) into.push_back(ring_[(head_ + i) % ring_.size()]);
  head_ = (head_ + count) % ring_.size();
  size_ -= count;
}

void SampleQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  not_empty_.notify_all();
}

bool SampleQueue::done() const {
  const std::lock_guard lock(mutex_);
  return closed_ && size_ == 0;
}

std::uint64_t SampleQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace lineside::gateway
