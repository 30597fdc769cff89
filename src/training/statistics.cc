#include "training/statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lineside::training {
namespace {

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

double logit_of(double probability) {
  const double p = std::clamp(probability, 1e-9, 1 - 1e-9);
  return std::log(p / (1 - p));
}

}  // namespace

double Calibration::apply(double logit) const { return sigmoid(slope * logit + offset); }

Calibration fit_calibration(std::span<const Scored> logits) {
  const bundle::SortedScores classes = bundle::sort_by_class(logits);
  if (classes.good.empty() || classes.reject.empty()) return {};
  const double n_good = static_cast<double>(classes.good.size()), n_reject = static_cast<double>(classes.reject.size());
  const double target_good = 1 / (n_good + 2), target_reject = (n_reject + 1) / (n_reject + 2);
  Calibration fit{1, 0};
  for (int iteration = 0; iteration < 200; ++iteration) {  // Newton with a little damping; two unknowns, convex
    double g_slope = 0, g_offset = 0, h_ss = 1e-6, h_so = 0, h_oo = 1e-6;
    for (const Scored& item : logits) {
      const double weight = item.reject ? 0.5 / n_reject : 0.5 / n_good, p = fit.apply(item.score);
      const double error = weight * (p - (item.reject ? target_reject : target_good)), curve = weight * p * (1 - p);
      g_slope += error * item.score;
      g_offset += error;
      h_ss += curve * item.score * item.score;
      h_so += curve * item.score;
      h_oo += curve;
    }
    const double determinant = h_ss * h_oo - h_so * h_so;
    const double d_slope = (h_oo * g_slope - h_so * g_offset) / determinant;
    const double d_offset = (h_ss * g_offset - h_so * g_slope) / determinant;
    const double damping = std::min(1.0, 1 / (std::abs(d_slope) + std::abs(d_offset) / 4 + 1e-12));
    fit.slope -= damping * d_slope;
    fit.offset -= damping * d_offset;
    if (std::abs(d_slope) + std::abs(d_offset) < 1e-9) break;
  }
  if (!std::isfinite(fit.slope) || !std::isfinite(fit.offset)) return {};
  fit.slope = std::max(fit.slope, 1e-3);
  return fit;
}

namespace {

// The score that a new good item exceeds with probability `share`, if the good items' logits are normally distributed:
// their upper prediction limit. Student's quantile from the normal one by the first term of its expansion.
double prediction_limit(const std::vector<double>& goods, double share) {
  const double n = static_cast<double>(goods.size());
  double mean = 0, squares = 0;
  for (const double score : goods) mean += logit_of(score) / n;
  for (const double score : goods) squares += (logit_of(score) - mean) * (logit_of(score) - mean);
  double low = 0, high = 8;
  while (high - low > 1e-9) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(middle / std::numbers::sqrt2) > share ? low : high) = middle;
  }
  const double student = low + (low * low * low + low) / (4 * (n - 1));
  return sigmoid(mean + student * std::sqrt(squares / (n - 1) * (1 + 1 / n)));
}

double middle_of(double a, double b) { return sigmoid((logit_of(a) + logit_of(b)) / 2); }

double threshold_by_count(const bundle::SortedScores& classes, double false_reject_target) {
  const auto allowed = static_cast<std::size_t>(static_cast<double>(classes.good.size()) * false_reject_target);
  const double highest_kept = classes.good[classes.good.size() - 1 - allowed];  // of the goods that must pass
  const auto next_reject = std::ranges::upper_bound(classes.reject, highest_kept);
  return middle_of(highest_kept, next_reject == classes.reject.end() ? 1.0 : *next_reject);
}

}  // namespace

Threshold choose_threshold(std::span<const Scored> calibrated, double false_reject_target) {
  const bundle::SortedScores classes = bundle::sort_by_class(calibrated);
  const bool asked_for = false_reject_target > 0;
  const double target = asked_for ? false_reject_target : kUsualTarget;
  Threshold result;
  result.target_provable = static_cast<double>(classes.good.size()) * target >= 3;
  if (classes.good.size() > 2 && !classes.reject.empty()) {
    const bool apart = classes.good.back() < classes.reject.front();
    result.value = apart                    ? middle_of(classes.good.back(), classes.reject.front())
                   : result.target_provable ? threshold_by_count(classes, target)
                                            : prediction_limit(classes.good, target);
    result.balanced = !apart && !asked_for && result.value > 0.5;
    if (result.balanced) result.value = 0.5;
  }
  result.false_reject = wilson(bundle::at_least(classes.good, result.value), classes.good.size());
  return result;
}

}  // namespace lineside::training
