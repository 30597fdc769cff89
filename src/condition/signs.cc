#include "condition/signs.h"

#include <algorithm>
#include <cmath>

#include "condition/linear.h"

namespace lineside::condition {
namespace {

constexpr double kTiny = 1e-18, kSpeedLowHz = 5, kSpeedHighHz = 125, kSpeedBandHz = 1000, kProminenceMax = 4,
                 kFirstOrderMin = 1.5, kLearnedNear = 0.025, kLearnedShare = 0.6, kEnvelopeLowHz = 4,
                 kEnvelopeHighHz = 800;
constexpr std::array<double, 5> kOrderWeights{1, 0.8, 0.6, 0.4, 0.3};
constexpr std::size_t kSurroundings = 12;

// Median of the bins around, a block of them at a time: the surroundings change slowly.
std::vector<double> local_medians(std::span<const double> power, std::size_t count) {
  std::vector<double> medians(count);
  for (std::size_t from = 0; from < count; from += kSurroundings / 2) {
    const std::size_t low = from > kSurroundings ? from - kSurroundings : 1;
    const std::size_t high = std::min(power.size(), from + kSurroundings / 2 + kSurroundings);
    std::vector<double> around(power.begin() + static_cast<std::ptrdiff_t>(std::min(low, high)),
                               power.begin() + static_cast<std::ptrdiff_t>(high));
    double median = kTiny;
    if (!around.empty()) {
      const auto middle = around.begin() + static_cast<std::ptrdiff_t>(around.size() / 2);
      std::ranges::nth_element(around, middle);
      median = *middle + kTiny;
    }
    for (std::size_t i = from; i < std::min(count, from + kSurroundings / 2); ++i) medians[i] = median;
  }
  return medians;
}

double sum_around(std::span<const double> power, double bin_hz, double hz) {
  if (hz < bin_hz) return 0;  // also what lies below zero
  const auto at = static_cast<std::size_t>(hz / bin_hz + 0.5);
  if (at < 1 || at + 1 >= power.size()) return 0;
  return power[at - 1] + power[at] + power[at + 1];
}

double largest_around(std::span<const double> values, double bin_hz, double hz) {
  if (hz < bin_hz) return 0;  // also what lies below zero
  const auto at = static_cast<std::size_t>(hz / bin_hz + 0.5);
  if (at < 1 || at + 1 >= values.size()) return 0;
  return std::max({values[at - 1], values[at], values[at + 1]});
}

std::vector<double> prominences(std::span<const double> power, std::size_t count) {
  count = std::min(count, power.size());
  const std::vector<double> medians = local_medians(power, count);
  std::vector<double> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = std::log(power[i] / medians[i] + kTiny);
  return result;
}

// The strongest line of the envelopes, and what stands beside it.
void add_envelope_signs(std::span<const EnvelopeSpectrum> envelopes, double speed_hz, std::vector<float>& out) {
  double best = 0, hz = 0, kurtosis = 0, shaft = 0, cage = 0;
  for (const EnvelopeSpectrum& envelope : envelopes) {
    if (envelope.power.size() < 32) continue;
    const auto lines = prominences(envelope.power, static_cast<std::size_t>(kEnvelopeHighHz / envelope.bin_hz));
    const auto from = static_cast<std::size_t>(kEnvelopeLowHz / envelope.bin_hz) + 2;
    for (std::size_t i = from; i + 1 < lines.size(); ++i) {
      if (lines[i] <= best) continue;
      best = lines[i], hz = static_cast<double>(i) * envelope.bin_hz, kurtosis = envelope.kurtosis;
      if (speed_hz <= 0) continue;
      const auto beside = [&](double away) {
        return 0.5 *
               (largest_around(lines, envelope.bin_hz, hz - away) + largest_around(lines, envelope.bin_hz, hz + away));
      };
      shaft = beside(speed_hz);
      cage = 0;
      for (const double share : {0.36, 0.38, 0.40, 0.42, 0.44}) cage = std::max(cage, beside(share * speed_hz));
    }
  }
  for (const double value : {std::log(std::max(kurtosis + 2, 0.2)), best, hz, shaft, cage})
    out.push_back(static_cast<float>(value));
}

}  // namespace

void SpeedFinder::add(std::span<const double> power, double bin_hz) {
  bin_hz_ = bin_hz;
  const auto lines = prominences(power, static_cast<std::size_t>(kSpeedBandHz / bin_hz));
  prominence_.resize(std::max(prominence_.size(), lines.size()), 0.0);
  for (std::size_t i = 0; i < lines.size(); ++i) prominence_[i] = std::max(prominence_[i], lines[i]);
}

Speed SpeedFinder::best_between(double low_hz, double high_hz) const {
  Speed best;
  double weights = 0;
  for (const double weight : kOrderWeights) weights += weight;
  for (double hz = low_hz; hz <= high_hz; hz += bin_hz_ / 8) {
    const double first = largest_around(prominence_, bin_hz_, hz);
    if (first < kFirstOrderMin) continue;
    double sum = 0;
    for (std::size_t k = 0; k < kOrderWeights.size(); ++k) {
      const auto at = static_cast<std::size_t>(static_cast<double>(k + 1) * hz / bin_hz_ + 0.5);
      if (at < prominence_.size()) sum += kOrderWeights[k] * std::clamp(prominence_[at], 0.0, kProminenceMax);
    }
    if (const double share = sum / weights / kProminenceMax; share > best.share + 1e-9) best = {hz, share};
  }
  return best;
}

Speed SpeedFinder::find(double nominal_hz, std::span<const double> learned_hz) const {
  const double low = nominal_hz > 0 ? 0.93 * nominal_hz : std::max(kSpeedLowHz, 3 * bin_hz_);
  const double high = nominal_hz > 0 ? 1.07 * nominal_hz : kSpeedHighHz;
  Speed best = best_between(low, high), learned;
  for (const double hz : learned_hz)
    if (const Speed near = best_between((1 - kLearnedNear) * hz, (1 + kLearnedNear) * hz); near.share > learned.share)
      learned = near;
  if (nominal_hz <= 0 && learned.share > 0 && learned.share >= kLearnedShare * best.share) best = learned;
  if (best.share <= 0) return {.hz = nominal_hz, .share = 0};
  best.hz = refined(best.hz);
  return best;
}

// By the centres of the orders that stand out; a higher one says it more exactly.
double SpeedFinder::refined(double hz) const {
  double sum = 0, weights = 0;
  for (std::size_t k = 1; k <= kOrderWeights.size(); ++k) {
    auto at = static_cast<std::size_t>(static_cast<double>(k) * hz / bin_hz_ + 0.5);
    if (at < 2 || at + 2 >= prominence_.size()) break;
    for (const std::size_t other : {at - 1, at + 1})
      if (prominence_[other] > prominence_[at]) at = other;
    if (prominence_[at] < 2) continue;
    double center = 0, power = 0;
    for (const std::size_t i : {at - 1, at, at + 1})
      center += static_cast<double>(i) * std::exp(prominence_[i]), power += std::exp(prominence_[i]);
    sum += bin_hz_ * center / power;  // k times the speed, with a weight of k
    weights += static_cast<double>(k);
  }
  return weights > 0 ? sum / weights : hz;
}

void add_asset_features(const Asset& asset, std::span<const double> power, double bin_hz,
                        std::span<const EnvelopeSpectrum> envelopes, double speed_hz, std::vector<float>& out) {
  if (asset.bearings.empty() && asset.gear_teeth.empty()) return;
  std::vector<std::vector<double>> lines;
  for (const EnvelopeSpectrum& envelope : envelopes)
    lines.push_back(prominences(envelope.power, envelope.power.size()));
  const auto passing = [&](double order) {
    double best = 0;
    for (std::size_t e = 0; e < lines.size() && order > 0; ++e) {
      double sum = 0;
      for (const int multiple : {1, 2, 3})
        sum += std::max(0.0, largest_around(lines[e], envelopes[e].bin_hz, multiple * order * speed_hz)) / 3;
      best = std::max(best, sum);
    }
    return static_cast<float>(0.5 * best);
  };
  for (const BearingOrders& bearing : asset.bearings)
    for (const double order : {bearing.outer, bearing.inner, bearing.ball, bearing.cage}) out.push_back(passing(order));
  const auto gear = asset.gear_teeth.empty() ? std::vector<double>{} : prominences(power, power.size());
  for (const int teeth : asset.gear_teeth) {
    const auto at = [&](double order) { return std::max(0.0, largest_around(gear, bin_hz, order * speed_hz)); };
    out.push_back(static_cast<float>(0.5 * at(teeth)));
    out.push_back(static_cast<float>(0.125 * (at(teeth - 1) + at(teeth + 1) + at(teeth - 2) + at(teeth + 2))));
  }
}

void add_signs(std::span<const double> power, double bin_hz, std::span<const EnvelopeSpectrum> envelopes,
               double speed_hz, std::vector<float>& out) {
  const auto log_power = [&](double hz) {
    return static_cast<float>(std::log((speed_hz > 0 ? sum_around(power, bin_hz, hz) : 0) + kTiny));
  };
  for (const double order : Sign::kOrders) out.push_back(log_power(order * speed_hz));
  out.push_back(static_cast<float>(std::log(sum_around(power, bin_hz, 100) + kTiny)));
  out.push_back(static_cast<float>(std::log(sum_around(power, bin_hz, 120) + kTiny)));
  double mesh = 0;
  if (speed_hz > 0) {
    const auto lines = prominences(power, static_cast<std::size_t>(62 * speed_hz / bin_hz));
    for (int order = 10; order <= 60; ++order) mesh = std::max(mesh, largest_around(lines, bin_hz, order * speed_hz));
  }
  out.push_back(static_cast<float>(mesh));
  double high = 0;
  for (std::size_t i = power.size() / 5; i < power.size(); ++i) high += power[i];
  out.push_back(static_cast<float>(std::log(high + kTiny)));
  add_envelope_signs(envelopes, speed_hz, out);
}

}  // namespace lineside::condition
