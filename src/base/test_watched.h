#pragma once
// Tests only: what other threads change, and a test waits for.
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace lineside::testing {

// Base of an object whose members are only touched in change(), wait() and look(). Thread-safe.
class Watched {
 public:
  // Under the lock; false when it did not come true in time.
  template <class Ready>
  bool wait(Ready ready, std::chrono::seconds time_max = std::chrono::seconds{20}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time_max, ready);
  }
  template <class Look>
  auto look(Look look) {
    const std::lock_guard lock(mutex_);
    return look();
  }

 protected:
  template <class Change>
  void change(Change change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace lineside::testing
