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

// The threshold on calibrated scores: the middle of the gap when the classes are apart. Otherwise, with enough good
// items to prove the target (3 / target, rule of three), the lowest threshold whose share of rejected good items is at
// most `false_reject_target`. With fewer, the target can't be proven by counting: the limit that a new good item
// exceeds with that probability if their logits are normally distributed, or 0.5, where both errors of the calibrated
// score balance, if that is lower.
struct Threshold {
  double value = 0.5;
  bool target_provable = false;
  bundle::Share false_reject;  // on the items it was set from
};
Threshold choose_threshold(std::span<const Scored> calibrated, double false_reject_target);

}  // namespace lineside::training
