#pragma once
// Whether the outbox's disk refuses, and why: for the log and for whoever asks how the gateway is. Thread-safe.
#include <mutex>
#include <string>

#include "base/log.h"
#include "base/result.h"

namespace lineside::gateway {

class WriteTrouble {
 public:
  void failed(const Error& why) {
    log_.log(LogLevel::error, "outbox", "can't write; trying again", {{"reason", why.message}});
    std::lock_guard lock(mutex_);
    text_ = "The outbox can't be written, records wait in memory: " + why.message;
  }
  void ended() {
    std::lock_guard lock(mutex_);
    text_.clear();
  }
  std::string text() const {
    std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  LogLimiter log_;
  mutable std::mutex mutex_;
  std::string text_;
};

}  // namespace lineside::gateway
