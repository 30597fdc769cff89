#pragma once
// Whether the outbox's disk refuses, and why: for the log and for whoever asks how the gateway is. Thread-safe.
#include <chrono>
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
  // Over, but somebody should hear of it: shown for ten minutes.
  void mended(std::string what) {
    std::lock_guard lock(mutex_);
    mended_ = std::move(what);
    mended_until_ = std::chrono::steady_clock::now() + std::chrono::minutes{10};
  }
  std::string text() const {
    std::lock_guard lock(mutex_);
    return text_.empty() && std::chrono::steady_clock::now() < mended_until_ ? mended_ : text_;
  }

 private:
  LogLimiter log_;
  mutable std::mutex mutex_;
  std::string text_, mended_;
  std::chrono::steady_clock::time_point mended_until_{};
};

}  // namespace lineside::gateway
