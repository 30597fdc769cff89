#pragma once
// Figures of a classifier from scores: AUROC, shares with Wilson intervals, calibration and threshold.
#include <cstddef>
#include <span>
#include <vector>

#include "bundle/manifest.h"

namespace lineside::training {

struct Scored {
  double score = 0;  // any scale, higher: more surely a reject
  bool reject = false;
};

// Area under the ROC curve (Mann-Whitney; ties count half); 0.5 when a class is missing.
double auroc(std::span<const Scored> scored);

// `count` of `of` with the two-sided 95 % Wilson score interval (Wilson 1927).
bundle::Share wilson(std::size_t count, std::size_t of);

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

bundle::TestFigures figures(std::span<const Scored> calibrated, double threshold);

}  // namespace lineside::training
