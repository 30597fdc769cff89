#pragma once
// When an edge node gives the births that hosts ask it for: at once, but less and less often to a host that keeps
// asking, since the births of many tags are long and whoever may write to the broker may ask.
#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace lineside::gateway {

// Not thread-safe.
class RebirthPace {
 public:
  static constexpr std::chrono::milliseconds kPause{500};  // after births; doubled with each that was asked for
  static constexpr std::chrono::milliseconds kPauseMax{30'000};
  static constexpr std::chrono::milliseconds kLook{100};

  void ask() { wanted_ = true; }
  void forget() { wanted_ = false; }  // the session has ended

  bool wanted() const { return wanted_; }
  MonoTime due() const { return from_; }  // of births that are wanted
  // No data goes out shortly before births (tck-id-operational-behavior-data-commands-rebirth-action-1); while they are
  // long delayed it does.
  bool holds_data(MonoTime now) const { return wanted_ && from_ - now <= kPause; }
  // What was published before is not out yet: births would only pile up behind it.
  void delay(MonoTime now) { from_ = now + kLook; }

  // Births go out now; true: they were asked for.
  bool born(MonoTime now) {
    const bool asked = wanted_;
    wanted_ = false;
    if (!asked || now - from_ >= kPauseMax) pause_ = kPause;
    from_ = now + pause_;
    if (asked) pause_ = std::min(pause_ * 2, kPauseMax);
    return asked;
  }

 private:
  bool wanted_ = false;
  MonoTime from_{};
  std::chrono::milliseconds pause_ = kPause;
};

}  // namespace lineside::gateway
