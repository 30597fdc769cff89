#include "rules/alarm_logic.h"

#include <utility>

namespace lineside::rules {

const char* to_string(AlarmState state) {
  static constexpr const char* kNames[] = {"normal", "active", "latched"};
  return kNames[static_cast<std::size_t>(state)];
}

void AlarmLogic::enter(AlarmState state, WallTime now) {
  if (state != AlarmState::latched) acknowledged_ = false;
  state_ = state;
  changed_ = now;
  leaving_since_.reset();
}

AlarmLogic::Changes AlarmLogic::step(WallTime now, std::optional<bool> leave) {
  Changes changes;
  if (!leave) {
    if (!unknown_since_) unknown_since_ = now;
    changes.unknown = !told_ && now - *unknown_since_ >= patience();
    told_ |= changes.unknown;
    return changes;
  }
  if (unknown_since_ && leaving_since_) *leaving_since_ += now - *unknown_since_;
  unknown_since_.reset();
  never_known_ = false;
  changes.known = std::exchange(told_, false);
  if (!*leave)
    leaving_since_.reset();
  else if (!leaving_since_)
    leaving_since_ = now;
  if (!leaving_since_ || now - *leaving_since_ < delay()) return changes;
  if (state_ == AlarmState::active) {
    const bool latches = timing_.latching && !acknowledged_;
    changes.cleared = !latches;
    enter(latches ? AlarmState::latched : AlarmState::normal, now);
  } else {
    changes.raised = state_ == AlarmState::normal;
    enter(AlarmState::active, now);
  }
  return changes;
}

bool AlarmLogic::acknowledge(WallTime now) {
  if (state_ == AlarmState::latched) {
    enter(AlarmState::normal, now);
    return true;
  }
  acknowledged_ = state_ == AlarmState::active;
  return false;
}

std::optional<WallTime> AlarmLogic::due() const {
  if (unknown_since_) return told_ ? std::nullopt : std::optional(*unknown_since_ + patience());
  return leaving_since_ ? std::optional(*leaving_since_ + delay()) : std::nullopt;
}

void AlarmLogic::shift(nanoseconds by) {
  if (leaving_since_) *leaving_since_ -= by;
  if (unknown_since_) *unknown_since_ -= by;
}

}  // namespace lineside::rules
