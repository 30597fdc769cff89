#pragma once
// Where a figure of a machine is going: the velocity of vibration to the next zone of ISO 20816.
#include <cstddef>
#include <optional>
#include <vector>

#include "condition/asset.h"

namespace lineside::condition {

struct Forecast {
  char zone = '-', next = '-';
  double percent_per_day = 0;                    // growth now
  double days = 0, days_low = 0, days_high = 0;  // until `next`; 90 % interval
};

// Keeps the latest figures, evenly thinned. Owner thread only.
class Trend {
 public:
  // `time_s` from any origin, rising; figures that are not positive or come too early are left out.
  void add(double time_s, double velocity_mm_s);
  // A straight line through the logarithms (least squares, their scatter giving the interval). Nothing with fewer than
  // 8 figures, without a zone, in the last zone, or when growth is not certain (its 90 % interval holds zero).
  std::optional<Forecast> forecast(const Asset& asset) const;

 private:
  std::vector<double> times_, logarithms_;
  std::size_t each_ = 1, skipped_ = 0;
};

}  // namespace lineside::condition
