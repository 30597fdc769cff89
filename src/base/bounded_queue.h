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
    if (!place(lock, std::move(value), wait_max)) return false;
    lock.unlock();
    not_empty_.notify_one();
    return true;
  }

  // One after the other without anything between them, each as push() would; how many were taken.
  template <class Range>
  std::size_t push_all(const Range& values, std::chrono::nanoseconds wait_max = std::chrono::seconds{1}) {
    std::size_t taken = 0;
    {
      std::unique_lock lock(mutex_);
      for (const auto& value : values) taken += place(lock, T(value), wait_max) ? 1 : 0;
    }
    not_empty_.notify_all();
    return taken;
  }

  // The oldest element, or nothing after `wait_max` or when closed and empty.
  std::optional<T> pop(std::chrono::nanoseconds wait_max) {
    std::unique_lock lock(mutex_);
    if (!wait_for_some(lock, wait_max)) return std::nullopt;
    std::optional<T> value{take_oldest()};
    lock.unlock();
    not_full_.notify_one();
    return value;
  }

  // Adds the oldest to `into`, at most `most`, as soon as there are any; how many. None as with pop().
  std::size_t pop_some(std::vector<T>& into, std::size_t most, std::chrono::nanoseconds wait_max) {
    std::size_t taken = 0;
    {
      std::unique_lock lock(mutex_);
      if (!wait_for_some(lock, wait_max)) return 0;
      for (; size_ > 0 && taken < most; ++taken) into.push_back(take_oldest());
    }
    not_full_.notify_all();
    return taken;
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
  bool done() const {  // closed and empty
    std::lock_guard lock(mutex_);
    return closed_ && size_ == 0;
  }

 private:
  bool place(std::unique_lock<std::mutex>& lock, T&& value, std::chrono::nanoseconds wait_max) {
    if (size_ == ring_.size() && !closed_ && policy_ == WhenFull::wait) {
      not_empty_.notify_all();  // whoever is to make room may not know yet that there is something
      not_full_.wait_for(lock, wait_max, [&] { return size_ < ring_.size() || closed_; });
    }
    if (closed_) return false;
    if (size_ == ring_.size()) {
      ++dropped_;
      if (policy_ != WhenFull::drop_oldest) return false;
      take_oldest();
    }
    ring_[(head_ + size_) % ring_.size()] = std::move(value);
    ++size_;
    return true;
  }
  bool wait_for_some(std::unique_lock<std::mutex>& lock, std::chrono::nanoseconds wait_max) {
    return not_empty_.wait_for(lock, wait_max, [&] { return size_ > 0 || closed_; }) && size_ > 0;
  }
  T take_oldest() {
    T value = std::exchange(ring_[head_], T{});
    head_ = (head_ + 1) % ring_.size();
    --size_;
    return value;
  }

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
