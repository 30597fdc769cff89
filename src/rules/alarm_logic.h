#pragma once
// The life of one alarm, after ISA-18.2 (ANSI/ISA-18.2-2016, 5.2 and figure "alarm state transition"): delays, latching
// and what happens while its condition can't be known. Time comes from the caller; nothing here reads a clock.
#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace lineside::rules {

enum class AlarmState : std::uint8_t {
  normal,
  active,   // its condition was met
  latched,  // the condition is gone, but the alarm stays until it is acknowledged
};
const char* to_string(AlarmState state);

// A condition that dances can't flood anybody: an alarm stays for kStayMin at least, and each time that it comes back
// within kCalm for twice as long, up to kStayMax. That it is there is told at once, that it is gone when it has stayed
// so long and its condition is gone. That it can't be known is told once in kUnknownPause.
class AlarmLogic {
 public:
  static constexpr std::chrono::seconds kStayMin{1}, kStayMax{64}, kCalm{300}, kUnknownPause{60};
  struct Timing {
    nanoseconds on_delay{}, off_delay{};
    nanoseconds unknown_after{};  // so long without knowing is told
    nanoseconds warm_up{};        // the first time not before so long: windows have to fill first
    bool latching = false;
  };
  // What a step brought about; in this order.
  struct Changes {
    bool known = false, unknown = false, raised = false, cleared = false;
    bool any() const { return known || unknown || raised || cleared; }
  };

  explicit AlarmLogic(const Timing& timing) : timing_(timing) {}

  // `leave`: whether the condition for leaving the present state is met: of normal and latched that of the alarm, of
  // active that of its end. Not set: it can't be known. Then nothing trips and nothing clears, and a delay that has
  // begun stands still. Times must not go back.
  Changes step(WallTime now, std::optional<bool> leave);
  // True: a latched alarm was cleared by it. An active one is marked, and will not latch.
  bool acknowledge(WallTime now);
  // When step() has to be called at the latest; not set: not before the next reading.
  std::optional<WallTime> due() const;
  // The clock was set by so much: what has begun goes on as it was.
  void shift(nanoseconds by);
  // As it was before a restart; before the first step. Delays begin anew.
  void restore(AlarmState state, bool acknowledged, bool told_unknown, WallTime since);

  AlarmState state() const { return state_; }
  bool acknowledged() const { return acknowledged_; }
  bool known() const { return !unknown_since_ && !never_known_; }
  bool told_unknown() const { return told_; }
  WallTime since() const { return changed_; }  // in its state; zero: from the start on

 private:
  WallTime leaves_at() const;
  WallTime tells_unknown_at() const;
  nanoseconds patience() const {
    return never_known_ ? std::max(timing_.unknown_after, timing_.warm_up) : timing_.unknown_after;
  }
  void enter(AlarmState state, WallTime now);

  Timing timing_;
  AlarmState state_ = AlarmState::normal;
  bool acknowledged_ = false, never_known_ = true, told_ = false;
  WallTime changed_{};
  std::optional<WallTime> leaving_since_, unknown_since_;
  std::optional<WallTime> stays_until_, gone_since_, unknown_quiet_until_;
  nanoseconds stay_ = kStayMin;
};

}  // namespace lineside::rules
