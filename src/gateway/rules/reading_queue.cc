#include "gateway/rules/reading_queue.h"

#include <algorithm>

namespace lineside::gateway {

ReadingQueue::ReadingQueue(std::size_t capacity, std::vector<bool> wanted)
    : wanted_(std::move(wanted)), ring_(std::max<std::size_t>(capacity, 1)), kept_at_(wanted_.size(), kNone) {
  kept_.reserve(static_cast<std::size_t>(std::ranges::count(wanted_, true)));
}

void ReadingQueue::push(std::span<const Sample> samples) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    for (const Sample& sample : samples) {
      if (sample.tag >= wanted_.size() || !wanted_[sample.tag]) continue;
      if (size_ == ring_.size()) make_room();
      Sample& place = ring_[(head_ + size_) % ring_.size()];
      place = sample;
      place.received = samples.front().received;
      ++size_;
    }
    if (size_ == 0) return;
  }
  not_empty_.notify_one();
}

void ReadingQueue::make_room() {
  const Sample& oldest = ring_[head_];
  std::uint32_t& at = kept_at_[oldest.tag];
  if (at == kNone) {
    at = static_cast<std::uint32_t>(kept_.size());
    kept_.push_back(oldest);
  } else {
    kept_[at] = oldest;
    ++dropped_;
  }
  head_ = (head_ + 1) % ring_.size();
  --size_;
}

void ReadingQueue::pop(std::vector<Sample>& into, std::size_t most, nanoseconds wait_max) {
  std::unique_lock lock(mutex_);
  not_empty_.wait_for(lock, wait_max, [&] { return size_ > 0 || closed_; });
  std::ranges::sort(kept_, {}, &Sample::received);
  for (const Sample& sample : kept_) {
    kept_at_[sample.tag] = kNone;
    into.push_back(sample);
  }
  kept_.clear();
  const std::size_t count = std::min(size_, most);
  for (std::size_t i = 0; i < count; ++i) into.push_back(ring_[(head_ + i) % ring_.size()]);
  head_ = (head_ + count) % ring_.size();
  size_ -= count;
}

void ReadingQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  not_empty_.notify_all();
}

bool ReadingQueue::done() const {
  const std::lock_guard lock(mutex_);
  return closed_ && size_ == 0;
}

std::uint64_t ReadingQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace lineside::gateway
