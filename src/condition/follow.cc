#include "condition/follow.h"

#include <algorithm>
#include <cmath>

namespace lineside::condition {
namespace {

constexpr double kDriftDeviations = 6;

void count(std::size_t& rows, bool more) {
  if (more)
    ++rows;
  else if (rows > 0)
    --rows;
}

}  // namespace

std::vector<float> SlowAverages::above(std::span<const float> features) {
  averages_.resize(features.size());
  std::vector<float> differences(features.size());
  for (std::size_t i = 0; i < features.size(); ++i) {
    averages_[i].difference = features[i] - averages_[i].value;
    differences[i] = static_cast<float>(averages_[i].difference);
  }
  return differences;
}

double SlowAverages::share(const Follow& follow, std::size_t hold_rows, Average& average, bool still) const {
  const double size = std::abs(average.difference - follow.mean);
  count(average.held, size >= follow.until);
  if (average.held >= hold_rows) average.accepted = true;
  if (average.accepted && size < follow.fully) average.accepted = false, average.held = 0;
  if (average.accepted) return 1;
  return still ? 0 : std::clamp((follow.until - size) / (follow.until - follow.fully), 0.0, 1.0);
}

void SlowAverages::follow(const TelemetryFront& front, bool anomaly) {
  count(anomalies_, anomaly);
  const bool still = anomaly && anomalies_ < front.hold_rows;
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    const double part = front.follow.empty() ? 1 : share(front.follow[i], front.hold_rows, averages_[i], still);
    averages_[i].value += part * averages_[i].difference / front.baseline_rows;
  }
}

bool SlowAverages::drifted() const {
  const std::size_t step = averages_.size() > 1 ? 2 : 1;  // levels; between them what differs from the other channels
  for (std::size_t i = 0; i < averages_.size(); i += step)
    if (std::abs(averages_[i].value) > kDriftDeviations) return true;
  return false;
}

}  // namespace lineside::condition
