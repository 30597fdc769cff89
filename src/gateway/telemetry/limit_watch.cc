#include "gateway/telemetry/limit_watch.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace lineside::gateway {

const char* event_type(Level level) {
  static constexpr std::array kTypes{"tag.low_low", "tag.low", "tag.normal", "tag.high", "tag.high_high"};
  return kTypes[static_cast<std::size_t>(static_cast<int>(level) + 2)];
}

Severity severity_of(Level level) {
  const int far = std::abs(static_cast<int>(level));
  return far == 2 ? Severity::high : far == 1 ? Severity::medium : Severity::info;
}

LimitWatch::LimitWatch(const config::TagSettings& settings)
    : low_low_(settings.low_low),
      low_(settings.low),
      high_(settings.high),
      high_high_(settings.high_high),
      deadband_(settings.deadband) {}

Level LimitWatch::level_of(double value) const {
  const auto above = [&](const std::optional<double>& limit, Level of) {
    return limit && value > *limit - (level_ >= of ? deadband_ : 0);
  };
  const auto below = [&](const std::optional<double>& limit, Level of) {
    return limit && value < *limit + (level_ <= of ? deadband_ : 0);
  };
  if (above(high_high_, Level::high_high)) return Level::high_high;
  if (below(low_low_, Level::low_low)) return Level::low_low;
  if (above(high_, Level::high)) return Level::high;
  if (below(low_, Level::low)) return Level::low;
  return Level::normal;
}

// The limit nearest to normal of those that were left, or the furthest of those that were crossed.
double LimitWatch::limit_between(Level from, Level to) const {
  const bool worse = std::abs(static_cast<int>(to)) > std::abs(static_cast<int>(from)) || from == Level::normal;
  const Level of = worse ? to : from;
  const std::optional<double>* limits[] = {&low_low_, &low_, nullptr, &high_, &high_high_};
  const auto* limit = limits[static_cast<std::size_t>(static_cast<int>(of) + 2)];
  return limit != nullptr && *limit ? **limit : 0;
}

std::optional<LimitWatch::Change> LimitWatch::add(double value, MonoTime now) {
  level_ = level_of(value);
  value_ = value;
  return look(now);
}

std::optional<LimitWatch::Change> LimitWatch::look(MonoTime now) {
  if (level_ == told_) return std::nullopt;
  const int is = static_cast<int>(level_), was = static_cast<int>(told_);
  const bool worse = std::abs(is) > std::abs(was) || is * was < 0;
  if (!worse && now < quiet_until_) return std::nullopt;
  const Change change{told_, level_, limit_between(told_, level_), value_};
  told_ = level_;
  pause_ = now - told_at_ > kCalm ? nanoseconds{kPause} : worse ? std::min<nanoseconds>(pause_ * 2, kPauseMax) : pause_;
  told_at_ = now;
  quiet_until_ = now + pause_;
  return change;
}

}  // namespace lineside::gateway
