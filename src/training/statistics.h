#pragma once
// Calibration and threshold of a classifier from scores; its figures: bundle/figures.h.
#include <cstddef>
#include <span>
#include <vector>

#include "bundle/figures.h"

namespace lineside::training {

using bundle::auroc;
using bundle::figures;
using bundle::Scored;
using bundle::wilson;

// Platt scaling (Platt 1999, with his regularised targets): score = 1 / (1 + exp(-(slope * logit + offset))). Both
// classes weigh the same, whatever their numbers; the slope is never negative.
struct Calibration {
  double slope = 1, offset = 0;
  double apply(double logit) const;
};
Calibration fit_calibration(std::span<const Scored> logits);

// The threshold on calibrated scores: the middle of the gap when the classes are apart. Otherwise what keeps the share
// of rejected good items at `false_reject_target`: with enough of them to prove it (3 / target, rule of three) the
// lowest threshold that did; with fewer, the limit that a new good item exceeds with that probability if their logits
// are normally distributed. A target of 0 was not asked for: then it is kUsualTarget, but the threshold is never above
// 0.5, where both errors of the calibrated score balance, since a target that overlapping classes can't meet would be
// paid with escapes.
inline constexpr double kUsualTarget = 0.02;
struct Threshold {
  double value = 0.5;
  bool target_provable = false;
  bool balanced = false;       // at 0.5, above which the target would have put it
  bundle::Share false_reject;  // on the items it was set from
};
Threshold choose_threshold(std::span<const Scored> calibrated, double false_reject_target);

}  // namespace lineside::training
