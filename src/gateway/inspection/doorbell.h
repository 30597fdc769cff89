#pragma once
// Wakes a thread that waits for work or for a moment, without a lock. One futex word.
#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace lineside::gateway {

// Any number of ringers; meant for one waiter. Use: `seen = count()`, look for work, and if there is none
// `wait(seen, until)`: a ring after count() is never missed.
class Doorbell {
 public:
  std::uint32_t count() const { return count_.load(std::memory_order_seq_cst); }
  void ring();  // wait-free; a system call only when somebody waits
  // Returns when rung since `seen`, at `until` (steady clock; within some microseconds on an idle machine) or
  // spuriously.
  void wait(std::uint32_t seen, MonoTime until);

 private:
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint32_t> waiters_{0};
};

}  // namespace lineside::gateway
