#pragma once
// How long to wait before a device is tried again, and a wait that a stop request ends at once.
#include <chrono>
#include <cstdint>
#include <random>
#include <stop_token>

#include "base/clock.h"

namespace lineside {

// Exponential back-off with jitter, so that thirty cameras behind one switch don't all come back in the same instant.
// The n-th pause is random in [c/2, c] with c = min(max, min_pause * 2^n). One thread.
class Backoff {
 public:
  Backoff(nanoseconds min_pause, nanoseconds max_pause, std::uint64_t seed);
  nanoseconds next();
  void reset();

 private:
  nanoseconds min_, max_, ceiling_;
  std::minstd_rand random_;
};

// Waits for `duration` of real time; true as soon as stop is requested.
bool wait_or_stop(const std::stop_token& stop, nanoseconds duration);

}  // namespace lineside
