#pragma once
// Whom the outbox tells of its commits. Thread-safe.
#include <functional>
#include <mutex>

namespace lineside::gateway {

class CommitListener {
 public:
  // nullptr: nobody. When it returns, no call of the one before is under way.
  void set(std::function<void()> listener) {
    std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }
  void tell() {
    std::lock_guard lock(mutex_);
    if (listener_) listener_();
  }

 private:
  std::mutex mutex_;
  std::function<void()> listener_;
};

}  // namespace lineside::gateway
