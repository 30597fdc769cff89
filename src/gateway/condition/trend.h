#pragma once
// A straight line through the minute means of the last hours.
#include <deque>
#include <optional>

#include "base/clock.h"

namespace lineside::gateway {

// Owner thread only.
class Trend {
 public:
  struct Line {
    double now = 0;        // value of the line at the newest minute
    double per_hour = 0;   // slope, least squares
    double deviation = 0;  // standard error of the slope
    double hours = 0;      // it stands on so long
  };
  void add(double value, MonoTime now);
  std::optional<Line> line() const;  // from 5 minutes on

 private:
  struct Minute {
    std::int64_t number = 0;
    double sum = 0;
    int count = 0;
  };
  static constexpr std::size_t kMinutesMax = 360;
  std::deque<Minute> minutes_;
};

}  // namespace lineside::gateway
