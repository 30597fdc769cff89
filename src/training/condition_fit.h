#pragma once
// Fits the parts of a condition model that are figures of normal windows: operating states, spreads, detectors.
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "condition/detectors.h"
#include "condition/features.h"
#include "condition/model.h"

namespace lineside::training {

// One window of normal data.
struct Sample {
  std::vector<float> x, signs;
  std::size_t recording = 0, window = 0;  // of that recording
  std::size_t state = 0, fold = 0;
  std::size_t day = 0;  // 0: as it was recorded; else a copy as another day would give it (condition_vary.h)
  condition::Speed speed;
};

inline constexpr std::size_t kConditionFolds = 5;

// Recordings whose mean features are alike get one state (leader clustering: a recording joins the nearest state within
// two spreads, root mean square, or opens a new one); every window gets its recording's. One state for telemetry.
// Returns the number of states.
std::size_t assign_states(std::vector<Sample>& samples, const condition::Model& model);

// Whole recordings where a state has several, in blocks of neighbours (so that slow change shows); else contiguous
// parts of the recording.
void assign_folds(std::vector<Sample>& samples, std::size_t states, condition::Regime regime);

// Means of the states and spreads within them, from the windows outside `fold` (kConditionFolds: all of them). For
// telemetry also of how many independent rows they are known, by the autocorrelation.
void fit_states(const std::vector<Sample>& samples, std::size_t states, std::size_t fold, condition::Model& model);

// Recordings that strike harder than all others, whatever their speed: in the three kurtoses of envelopes where they do
// so most, they are above the largest of the others by five times what that one is above the middle of them, by the
// mean of their windows and by the quietest one (a knock is no fault). A fault among what is said to be normal. Four
// recordings and fewer: none.
struct Outlier {
  std::size_t recording = 0;
  std::string why;
};
std::vector<Outlier> outlying_recordings(const std::vector<Sample>& samples,
                                         std::span<const condition::FeatureInfo> features);

// Axes, variances and neighbours from deviations, a row each. Second moments are those of `rows` and, for `share` of
// them (0..1), those of `varied`, windows of other days (none: share counts as 0). They are shrunk as Ledoit and Wolf
// (Journal of Multivariate Analysis 88, 2004) estimate it, for half as many rows because windows overlap, and by at
// least a fifth where made-up days are in them.
void fit_detectors(const std::vector<std::vector<double>>& rows, const std::vector<std::vector<double>>& varied,
                   double share, condition::Detectors& detectors);

}  // namespace lineside::training
