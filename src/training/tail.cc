#include "training/tail.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "condition/linear.h"
#include "training/random.h"

namespace lineside::training {
namespace {

constexpr double kTailFrom = 0.85, kShapeMin = -0.2, kShapeMax = 0.5;
constexpr std::size_t kExceedancesMin = 30;
constexpr int kResamples = 200;

struct Fit {
  double value = 0;
  std::size_t exceedances = 0;
};

Fit fit(std::vector<double> scores, double target) {
  std::ranges::sort(scores);
  const double start = condition::quantile(scores, kTailFrom);
  std::vector<double> over;
  for (const double score : scores)
    if (score > start) over.push_back(score - start);
  const auto n = static_cast<double>(scores.size()), k = static_cast<double>(over.size());
  if (over.empty()) return {scores.back(), 0};
  const double mean = std::accumulate(over.begin(), over.end(), 0.0) / k;
  if (over.size() < kExceedancesMin) {
    const double reach = std::max(0.0, std::log(1 / (n * target)));  // from a share of 1/n to the target
    return {scores.back() + mean * reach, over.size()};
  }
  double weighted = 0;  // E[X (1 - F(X))], by plotting positions; `over` is in ascending order
  for (std::size_t i = 0; i < over.size(); ++i) weighted += over[i] * (1 - (static_cast<double>(i) + 0.65) / k) / k;
  const double denominator = mean - 2 * weighted;
  double shape = denominator > 0 ? 2 - mean / denominator : 0;
  shape = std::clamp(shape, kShapeMin, kShapeMax);
  const double scale = mean * (1 - shape);  // of the distribution with that shape and this mean
  const double share = target * n / k;
  if (share >= 1) return {condition::quantile(scores, 1 - target), over.size()};
  const double step = std::abs(shape) < 1e-6 ? -scale * std::log(share) : scale / shape * (std::pow(share, -shape) - 1);
  return {start + step, over.size()};
}

}  // namespace

TailThreshold tail_threshold(std::span<const double> scores, double target, std::uint64_t seed) {
  const std::vector<double> all(scores.begin(), scores.end());
  const Fit best = fit(all, target);
  TailThreshold result{.value = best.value, .exceedances = best.exceedances};
  result.fitted = best.exceedances >= kExceedancesMin;
  Random random(seed);
  std::vector<double> values, resample(all.size());
  for (int i = 0; i < kResamples; ++i) {
    for (double& score : resample) score = all[random.below(all.size())];
    values.push_back(fit(resample, target).value);
  }
  result.low = std::min(result.value, condition::quantile(values, 0.05));
  result.high = std::max(result.value, condition::quantile(values, 0.95));
  return result;
}

}  // namespace lineside::training
