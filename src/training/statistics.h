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

// The threshold on calibrated scores. With enough good items to prove the target (at least 3 / target), the lowest
// threshold whose share of rejected good items is at most `false_reject_target`; if rejects and goods are apart there,
// the middle of the gap. With fewer, the target can't be proven from them: 0.5, the point where both errors of the
// calibrated score balance, or the middle of the gap around it when the classes are apart.
struct Threshold {
  double value = 0.5;
  bool target_provable = false;
  bundle::Share false_reject;  // on the items it was set from
};
Threshold choose_threshold(std::span<const Scored> calibrated, double false_reject_target);

}  // namespace lineside::training
