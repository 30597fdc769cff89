#include "gateway/inspection/doorbell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace lineside::gateway {

void Doorbell::ring() {
  count_.fetch_add(1, std::memory_order_seq_cst);
  if (waiters_.load(std::memory_order_seq_cst) == 0) return;
  syscall(SYS_futex, &count_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void Doorbell::wait(std::uint32_t seen, MonoTime until) {
  const auto ns = until.time_since_epoch().count();
  if (ns <= 0) return;
  timespec limit{};
  limit.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  limit.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  // WAIT_BITSET takes an absolute CLOCK_MONOTONIC time, so that nothing is lost between reading the clock and sleeping.
  syscall(SYS_futex, &count_, FUTEX_WAIT_BITSET_PRIVATE, seen, &limit, nullptr, FUTEX_BITSET_MATCH_ANY);
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
}

}  // namespace lineside::gateway
