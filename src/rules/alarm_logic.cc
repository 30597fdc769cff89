#include "rules/alarm_logic.h"

#include <utility>

namespace lineside::rules {

const char* to_string(AlarmState state) {
  static constexpr const char* kNames[] = {"normal", "active", "latched"};
  return kNames[static_cast<std::size_t>(state)];
}

void AlarmLogic::enter(AlarmState state, WallTime now) {
  if (state_ == AlarmState::normal) {
    const bool comes_back = gone_since_ && now - *gone_since_ <= kCalm;
    stay_ = comes_back ? std::min<nanoseconds>(stay_ * 2, kStayMax) : kStayMin;
    stays_until_ = now + stay_;
  }
  if (state == AlarmState::normal) gone_since_ = now;
  if (state != AlarmState::latched) acknowledged_ = false;
  state_ = state;
  changed_ = now;
  leaving_since_.reset();
}

AlarmLogic::Changes AlarmLogic::step(WallTime now, std::optional<bool> leave) {
  Changes changes;
  if (!leave) {
    if (!unknown_since_) unknown_since_ = now;
    changes.unknown = !told_ && now >= tells_unknown_at();
    if (!changes.unknown) return changes;
    told_ = true;
    unknown_quiet_until_ = now + kUnknownPause;
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
  if (!leaving_since_ || now < leaves_at()) return changes;
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

WallTime AlarmLogic::leaves_at() const {
  if (state_ != AlarmState::active) return *leaving_since_ + timing_.on_delay;
  const WallTime gone = *leaving_since_ + timing_.off_delay;
  return stays_until_ ? std::max(gone, *stays_until_) : gone;
}

WallTime AlarmLogic::tells_unknown_at() const {
  const WallTime lasts = *unknown_since_ + patience();
  return unknown_quiet_until_ ? std::max(lasts, *unknown_quiet_until_) : lasts;
}

std::optional<WallTime> AlarmLogic::due() const {
  if (unknown_since_) return told_ ? std::nullopt : std::optional(tells_unknown_at());
  return leaving_since_ ? std::optional(leaves_at()) : std::nullopt;
}

void AlarmLogic::shift(nanoseconds by) {
  for (auto* time : {&leaving_since_, &unknown_since_, &stays_until_, &gone_since_, &unknown_quiet_until_})
    if (*time) **time += by;
}

void AlarmLogic::restore(AlarmState state, bool acknowledged, bool told_unknown, WallTime since) {
  state_ = state == AlarmState::latched && !timing_.latching ? AlarmState::active : state;
  acknowledged_ = acknowledged && state_ == AlarmState::active;
  told_ = told_unknown;
  changed_ = since;
}

}  // namespace lineside::rules
