#pragma once
// The queue between two stages: bounded, named, with a stated policy when full and a counter of what it dropped (law
// 4).
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lineside {

enum class WhenFull { reject_new, drop_oldest, wait };

// A ring of `capacity` elements allocated at construction; T must be default-constructible and movable.
// Thread-safe, any number of producers and consumers. close() wakes everybody; pop() then drains what is left.
template <class T>
class BoundedQueue {
 public:
  BoundedQueue(std::string name, std::size_t capacity, WhenFull policy)
      : name_(std::move(name)), policy_(policy), ring_(capacity == 0 ? 1 : capacity) {}

  // False if the element was not taken: queue full under reject_new, full until `wait_max` under wait, or closed.
  bool push(T value, std::chrono::nanoseconds wait_max = std::chrono::seconds{1}) {
    std::unique_lock lock(mutex_);
    if (size_ == ring_.size() && !closed_ && policy_ == WhenFull::wait)
      not_full_.wait_for(lock, wait_max, [&] { return size_ < ring_.size() || closed_; });
    if (closed_) return false;
    if (size_ == ring_.size()) {
      ++dropped_;
      if (policy_ != WhenFull::drop_oldest) return false;
      ring_[head_] = T{};
      head_ = (head_ + 1) % ring_.size();
      --size_;
    }
    ring_[(head_ + size_) % ring_.size()] = std::move(value);
    ++size_;
    lock.unlock();
    not_empty_.notify_one();
    return true;
  }

  // The oldest element, or nothing after `wait_max` or when closed and empty.
  std::optional<T> pop(std::chrono::nanoseconds wait_max) {
    std::unique_lock lock(mutex_);
    if (!not_empty_.wait_for(lock, wait_max, [&] { return size_ > 0 || closed_; }) || size_ == 0) return std::nullopt;
    std::optional<T> value{std::move(ring_[head_])};
    ring_[head_] = T{};
    head_ = (head_ + 1) % ring_.size();
    --size_;
    lock.unlock();
    not_full_.notify_one();
    return value;
  }

  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    not_empty_.notify_all();
    not_full_.notify_all();
  }

  const std::string& name() const { return name_; }
  std::size_t capacity() const { return ring_.size(); }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return size_;
  }
  std::uint64_t dropped() const {
    std::lock_guard lock(mutex_);
    return dropped_;
  }
  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  const std::string name_;
  const WhenFull policy_;
  mutable std::mutex mutex_;
  std::condition_variable not_empty_, not_full_;
  std::vector<T> ring_;
  std::size_t head_ = 0, size_ = 0;
  std::uint64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace lineside
