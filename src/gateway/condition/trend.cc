#include "gateway/condition/trend.h"

#include <cmath>

namespace lineside::gateway {

void Trend::add(double value, MonoTime now) {
  const auto number = std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count();
  if (minutes_.empty() || minutes_.back().number != number) minutes_.push_back({.number = number});
  minutes_.back().sum += value;
  ++minutes_.back().count;
  if (minutes_.size() > kMinutesMax) minutes_.pop_front();
}

std::optional<Trend::Line> Trend::line() const {
  if (minutes_.size() < 5) return std::nullopt;
  const auto n = static_cast<double>(minutes_.size());
  const auto hour = [&](const Minute& m) { return static_cast<double>(m.number - minutes_.back().number) / 60; };
  const auto mean_of = [](const Minute& m) { return m.sum / m.count; };
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const Minute& m : minutes_) x += hour(m) / n, y += mean_of(m) / n;
  for (const Minute& m : minutes_) {
    xx += (hour(m) - x) * (hour(m) - x);
    xy += (hour(m) - x) * (mean_of(m) - y);
  }
  Line line{.per_hour = xy / xx, .hours = -hour(minutes_.front())};
  line.now = y - line.per_hour * x;
  double rest = 0;
  for (const Minute& m : minutes_) {
    const double off = mean_of(m) - line.now - line.per_hour * hour(m);
    rest += off * off;
  }
  line.deviation = std::sqrt(rest / (n - 2) / xx);
  return line;
}

}  // namespace lineside::gateway
