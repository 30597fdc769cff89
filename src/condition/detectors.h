#pragma once
// From a window's features to one number: how far it is from the normal of the nearest operating state.
#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "condition/model.h"

namespace lineside::condition {

// Deviations go into the detectors clipped to this many spreads, so that one absurd feature can't hide the others'.
inline constexpr double kDeviationClip = 60;

// The state whose normal is nearest: mean of the squared deviations, each counting at most 9, so that the features a
// fault changes don't decide.
std::size_t nearest_state(const std::vector<State>& states, std::span<const double> spread, std::span<const float> x);
// (x - mean) / spread, clipped. Where the spread is known from few independent values (Detectors::freedom), a Student
// deviation of a new value, turned into the normal one of the same probability (Wallace, Annals of Mathematical
// Statistics 30, 1959): four spreads of a channel that drifted up and down only twice are no surprise.
std::vector<double> deviations(const State& state, const Detectors& detectors, std::span<const float> x);

// Of how many spreads a new value is `deviate` normal deviations, when the spread is known from freedom + 1 values:
// what deviations() takes back.
double spreads_of(double deviate, double freedom);

// The autoencoder: a window's deviations, squeezed by squeeze(), go in; what it gives back is compared with them.
using Reconstruct = std::function<Result<std::vector<float>>(std::span<const float>)>;
// z / (1 + |z| / 8): the autoencoder learns the middle and stays bounded.
std::vector<float> squeeze(std::span<const double> z);

using RawScores = std::array<double, kDetectorKinds>;  // by DetectorKind; each is >= 0, larger is further from normal
// Errors: those of `reconstruct`, which may be empty: then the autoencoder's score is 0.
Result<RawScores> raw_scores(const Detectors& detectors, std::span<const FeatureInfo> features,
                             std::span<const double> z, const Reconstruct& reconstruct);
// Geometric mean of the members' scores, each over its threshold.
double ensemble_score(const Detectors& detectors, const RawScores& raw);

}  // namespace lineside::condition
