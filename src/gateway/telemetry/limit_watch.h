#pragma once
// A tag against its alarm limits, by the names of ISA-18.2.
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "config/tag_settings.h"
#include "model/record.h"

namespace lineside::gateway {

enum class Level : std::int8_t { low_low = -2, low, normal, high, high_high };
const char* event_type(Level level);  // "tag.high_high" ... "tag.normal"
Severity severity_of(Level level);

// Owner thread only. A limit is crossed by a value beyond it, and left by one that is back by more than the deadband.
// What gets worse is told at once; what gets better at the earliest a pause after the last word. The pause begins at
// kPause and doubles up to kPauseMax while better and worse follow on each other, so that a value that dances on a
// limit can't flood anybody: the last state is always told.
class LimitWatch {
 public:
  static constexpr std::chrono::seconds kPause{1}, kPauseMax{64}, kCalm{300};  // kCalm: after it kPause counts again

  explicit LimitWatch(const config::TagSettings& settings);
  bool has_limits() const { return low_low_ || low_ || high_ || high_high_; }

  struct Change {
    Level from = Level::normal, to = Level::normal;
    double limit = 0;  // the one that was crossed or left
    double value = 0;  // newest good one
  };
  std::optional<Change> add(double value, MonoTime now);  // of good quality
  std::optional<Change> look(MonoTime now);               // whether something is still to be told

 private:
  Level level_of(double value) const;
  double limit_between(Level from, Level to) const;

  std::optional<double> low_low_, low_, high_, high_high_;
  double deadband_;
  Level level_ = Level::normal, told_ = Level::normal;
  double value_ = 0;
  MonoTime quiet_until_{}, told_at_{};
  nanoseconds pause_{kPause};
};

}  // namespace lineside::gateway
