#include "base/backoff.h"

#include <condition_variable>
#include <mutex>

namespace lineside {

Backoff::Backoff(nanoseconds min_pause, nanoseconds max_pause, std::uint64_t seed)
    : min_(min_pause), max_(std::max(min_pause, max_pause)), ceiling_(min_pause), random_(seed) {}

nanoseconds Backoff::next() {
  std::uniform_int_distribution<std::int64_t> jitter(ceiling_.count() / 2, ceiling_.count());
  const nanoseconds pause{jitter(random_)};
  ceiling_ = std::min(max_, ceiling_ * 2);
  return pause;
}

void Backoff::reset() { ceiling_ = min_; }

bool wait_or_stop(const std::stop_token& stop, nanoseconds duration) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
  return stop.stop_requested();
}

}  // namespace lineside
