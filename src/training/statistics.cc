#include "training/statistics.h"

#include <algorithm>
#include <cmath>

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

Threshold choose_threshold(std::span<const Scored> calibrated, double false_reject_target) {
  const bundle::SortedScores classes = bundle::sort_by_class(calibrated);
  Threshold result;
  const double n_good = static_cast<double>(classes.good.size());
  result.target_provable = n_good * false_reject_target >= 3;
  if (!classes.good.empty() && !classes.reject.empty()) {
    const auto allowed = result.target_provable ? static_cast<std::size_t>(n_good * false_reject_target) : 0;
    const double highest_kept = classes.good[classes.good.size() - 1 - allowed];  // of the goods that must pass
    const double next_reject = [&] {
      const auto next = std::ranges::upper_bound(classes.reject, highest_kept);
      return next == classes.reject.end() ? 1.0 : *next;
    }();
    const bool apart = classes.good.back() < classes.reject.front();
    const auto middle = [](double a, double b) { return sigmoid((logit_of(a) + logit_of(b)) / 2); };
    if (apart)
      result.value = middle(classes.good.back(), classes.reject.front());
    else if (result.target_provable)
      result.value = middle(highest_kept, next_reject);
  }
  result.false_reject = wilson(bundle::at_least(classes.good, result.value), classes.good.size());
  return result;
}

}  // namespace lineside::training
