#include "condition/detectors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace lineside::condition {
namespace {

constexpr double kStateCap = 9, kSqueeze = 8, kTiny = 1e-9, kFallShare = 0.5;
constexpr std::size_t kNeighbours = 3;

// Root mean square distance per feature to the k nearest normal windows.
double neighbour_distance(const Matrix& normal, std::span<const double> z) {
  if (normal.rows == 0) return 0;
  std::array<double, kNeighbours> nearest;
  nearest.fill(std::numeric_limits<double>::infinity());
  for (std::size_t r = 0; r < normal.rows; ++r) {
    const auto row = normal.row(r);
    double sum = 0;
    for (std::size_t i = 0; i < z.size() && sum < nearest.back(); ++i) sum += (z[i] - row[i]) * (z[i] - row[i]);
    if (sum >= nearest.back()) continue;
    nearest.back() = sum;
    std::ranges::sort(nearest);
  }
  double mean = 0;
  const std::size_t count = std::min(kNeighbours, normal.rows);
  for (std::size_t i = 0; i < count; ++i) mean += std::sqrt(nearest[i] / static_cast<double>(z.size()));
  return mean / static_cast<double>(count);
}

double largest_of(Role role, std::span<const FeatureInfo> features, std::span<const double> z, bool both_sides) {
  double largest = 0;
  for (std::size_t i = 0; i < z.size(); ++i)
    if (features[i].role == role) largest = std::max(largest, both_sides ? std::abs(z[i]) : z[i]);
  return largest;
}

// The mean of the largest, one in 24.
double mean_of_largest(std::vector<double> sizes) {
  const std::size_t count = std::max<std::size_t>(1, sizes.size() / 24);
  std::ranges::partial_sort(sizes, sizes.begin() + static_cast<std::ptrdiff_t>(count), std::greater<>());
  return std::accumulate(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(count), 0.0) /
         static_cast<double>(count);
}

double extremes(std::span<const double> z) {
  std::vector<double> sizes(z.size());
  std::ranges::transform(z, sizes.begin(), [](double value) { return std::abs(value); });
  return mean_of_largest(std::move(sizes));
}

// The same of what each deviation differs from what goes with the others in normal windows (z times the inverse root of
// the shrunk covariance). Damage adds vibration, so what fell counts less.
double surplus(const Detectors& d, std::span<const double> z) {
  const double rest = 1 / std::sqrt(d.rest_variance_shrunk + kTiny);
  std::vector<double> sizes(z.size());
  std::ranges::transform(z, sizes.begin(), [rest](double value) { return value * rest; });
  for (std::size_t k = 0; k < d.axes.rows; ++k) {
    const auto axis = d.axes.row(k);
    const double along = dot(axis, z) * (1 / std::sqrt(d.axis_variance_shrunk[k] + kTiny) - rest);
    for (std::size_t i = 0; i < z.size(); ++i) sizes[i] += along * axis[i];
  }
  for (double& value : sizes) value = std::max(value, -kFallShare * value);
  return mean_of_largest(std::move(sizes));
}

// A new value differs from the mean of n = freedom + 1 by its own spread and by the mean's.
double normal_deviate(double z, double freedom) {
  const double n = freedom + 1, student = z / std::sqrt((1 + 1 / n) * n / std::max(freedom, 1.0));
  const double size =
      (8 * freedom + 1) / (8 * freedom + 3) * std::sqrt(freedom * std::log1p(student * student / freedom));
  return std::copysign(size, z);
}

// Between the largest deviation and their root mean square; of how many features there are it depends but little.
double fourth_powers(std::span<const double> z) {
  double sum = 0;
  for (const double value : z) sum += value * value * value * value;
  return std::sqrt(std::sqrt(sum / 4));
}

struct Subspace {
  double t2 = 0, q = 0, mahalanobis = 0;
};

Subspace project(const Detectors& d, std::span<const double> z) {
  Subspace result;
  double rest = dot(z, z), q = rest;
  for (std::size_t k = 0; k < d.axes.rows; ++k) {
    const double t = dot(d.axes.row(k), z);
    rest -= t * t;
    if (k < d.principal) {
      result.t2 += t * t / (d.axis_variance[k] + kTiny);
      q -= t * t;
    }
    result.mahalanobis += t * t / (d.axis_variance_shrunk[k] + kTiny);
  }
  result.mahalanobis += std::max(rest, 0.0) / (d.rest_variance_shrunk + kTiny);
  result.q = std::max(q, 0.0);
  return result;
}

}  // namespace

const char* to_string(DetectorKind kind) {
  static constexpr const char* kNames[] = {"rms",        "kurtosis",    "extremes",      "pca",    "mahalanobis",
                                           "neighbours", "autoencoder", "fourth powers", "surplus"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::size_t nearest_state(const std::vector<State>& states, std::span<const double> spread, std::span<const float> x) {
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t s = 0; s < states.size(); ++s) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double z = (x[i] - states[s].mean[i]) / spread[i];
      sum += std::min(z * z, kStateCap);
    }
    if (sum < least) least = sum, best = s;
  }
  return best;
}

std::vector<double> deviations(const State& state, const Detectors& detectors, std::span<const float> x) {
  std::vector<double> z(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    z[i] = std::clamp((x[i] - state.mean[i]) / detectors.spread[i], -kDeviationClip, kDeviationClip);
    if (!detectors.freedom.empty()) z[i] = normal_deviate(z[i], detectors.freedom[i]);
  }
  return z;
}

double spreads_of(double deviate, double freedom) {
  const double n = freedom + 1, f = std::max(freedom, 1.0);
  const double size = std::abs(deviate) * (8 * f + 3) / (8 * f + 1);
  const double student = std::sqrt(f * std::expm1(size * size / f));
  return std::copysign(student * std::sqrt((1 + 1 / n) * n / f), deviate);
}

std::vector<float> squeeze(std::span<const double> z) {
  std::vector<float> squeezed(z.size());
  std::ranges::transform(z, squeezed.begin(),
                         [](double value) { return static_cast<float>(value / (1 + std::abs(value) / kSqueeze)); });
  return squeezed;
}

Result<RawScores> raw_scores(const Detectors& detectors, std::span<const FeatureInfo> features,
                             std::span<const double> z, const Reconstruct& reconstruct) {
  RawScores raw{};
  const auto set = [&](DetectorKind kind, double value) { raw[static_cast<std::size_t>(kind)] = value; };
  const auto count = static_cast<double>(z.size());
  set(DetectorKind::rms, largest_of(Role::level, features, z, true));
  set(DetectorKind::kurtosis, largest_of(Role::impulse, features, z, false));
  set(DetectorKind::extremes, extremes(z));
  set(DetectorKind::powers, fourth_powers(z));
  set(DetectorKind::surplus, surplus(detectors, z));
  const Subspace subspace = project(detectors, z);
  const double principal = static_cast<double>(std::max<std::size_t>(detectors.principal, 1));
  set(DetectorKind::pca, std::sqrt(0.5 * (subspace.t2 / principal + subspace.q / (detectors.q_scale + kTiny))));
  set(DetectorKind::mahalanobis, std::sqrt(subspace.mahalanobis / count));
  set(DetectorKind::neighbours, neighbour_distance(detectors.neighbours, z));
  if (reconstruct) {
    const std::vector<float> input = squeeze(z);
    LINESIDE_ASSIGN(const auto output, reconstruct(input));
    double sum = 0;
    for (std::size_t i = 0; i < input.size(); ++i) sum += (input[i] - output[i]) * (input[i] - output[i]);
    set(DetectorKind::autoencoder, std::sqrt(sum / count));
  }
  return raw;
}

double ensemble_score(const Detectors& detectors, const RawScores& raw) {
  double sum = 0;
  for (const DetectorKind kind : detectors.members) {
    const auto index = static_cast<std::size_t>(kind);
    sum += std::log(std::max(raw[index], kTiny) / std::max(detectors.threshold[index], kTiny));
  }
  return detectors.members.empty() ? 0 : std::exp(sum / static_cast<double>(detectors.members.size()));
}

}  // namespace lineside::condition
