#pragma once
// A bounded queue for plain values between threads of a station, without locks or allocation: Dmitry Vyukov's bounded
// multi-producer multi-consumer queue (1024cores.net, "Bounded MPMC queue"). Each cell carries a turn number.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace lineside::gateway {

template <class T>
class LockFreeRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // `capacity` is rounded up to a power of two; allocated here, never later.
  explicit LockFreeRing(std::size_t capacity) {
    std::size_t size = 2;
    while (size < capacity) size *= 2;
    mask_ = size - 1;
    cells_ = std::make_unique<Cell[]>(size);
    for (std::size_t i = 0; i < size; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
  }

  // False when full: the value was not taken; the caller counts it.
  bool push(const T& value) {
    std::size_t at = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[at & mask_];
      const auto gap = static_cast<std::intptr_t>(cell.turn.load(std::memory_order_acquire) - at);
      if (gap == 0 && tail_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
        cell.value = value;
        cell.turn.store(at + 1, std::memory_order_release);
        return true;
      }
      if (gap < 0) return false;
      if (gap > 0) at = tail_.load(std::memory_order_relaxed);
    }
  }

  // False when empty.
  bool pop(T& value) {
    std::size_t at = head_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[at & mask_];
      const auto gap = static_cast<std::intptr_t>(cell.turn.load(std::memory_order_acquire) - (at + 1));
      if (gap == 0 && head_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
        value = cell.value;
        cell.turn.store(at + mask_ + 1, std::memory_order_release);
        return true;
      }
      if (gap < 0) return false;
      if (gap > 0) at = head_.load(std::memory_order_relaxed);
    }
  }

  std::size_t capacity() const { return mask_ + 1; }

 private:
  struct Cell {
    std::atomic<std::size_t> turn{0};
    T value{};
  };
  std::unique_ptr<Cell[]> cells_;
  std::size_t mask_ = 0;
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::atomic<std::size_t> head_{0};
};

}  // namespace lineside::gateway
