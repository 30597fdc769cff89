#pragma once
// Slow averages of telemetry features: what a channel does on a warm day, or as it always wandered, is no change.
// Features are judged by how far they are above or below their own slow average, which follows deviations that are
// usual, less and less the larger they are, and stands still under an anomaly. A change that has stayed for hold_rows
// is then followed all the same, and drifted() says that what is usual is no longer what was learned.
#include <cstddef>
#include <span>
#include <vector>

#include "condition/model.h"

namespace lineside::condition {

// One stream's. Owner thread only.
class SlowAverages {
 public:
  // The features less their slow averages (from 0 on, the centre of what was learned).
  std::vector<float> above(std::span<const float> features);
  // Moves the averages towards the features of the last above(). `anomaly`: what was said of them.
  void follow(const TelemetryFront& front, bool anomaly);
  // A level's slow average is over six of its channel's learned deviations from where it was while it was learned.
  bool drifted() const;

 private:
  struct Average {
    double value = 0, difference = 0;
    std::size_t held = 0;   // rows that it stood still, less those since
    bool accepted = false;  // the change that made it stand still has stayed
  };
  double share(const Follow& follow, std::size_t hold_rows, Average& average, bool still) const;
  std::vector<Average> averages_;
  std::size_t anomalies_ = 0;  // rows, less those since
};

}  // namespace lineside::condition
