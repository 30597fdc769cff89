#pragma once
// A threshold for a target false-alarm rate from few normal scores: extreme-value fit of their tail.
#include <cstdint>
#include <span>

namespace lineside::training {

struct TailThreshold {
  double value = 0;
  double low = 0, high = 0;     // 90 % interval: bootstrap over the scores
  std::size_t exceedances = 0;  // that the tail was fitted to
  bool fitted = false;          // false: too few, a cautious multiple of the largest instead
};

// The score that a normal window exceeds with probability `target`. With at least 30 exceedances over the 85 % quantile
// a generalised Pareto distribution by probability-weighted moments (Hosking and Wallis, Technometrics 29, 1987; peaks
// over threshold after Pickands 1975), its shape kept within -0.2 .. 0.5; with fewer the largest score plus the
// exponential tail's step from the share it stands for down to `target`. `scores` are positive and not empty.
TailThreshold tail_threshold(std::span<const double> scores, double target, std::uint64_t seed);

}  // namespace lineside::training
