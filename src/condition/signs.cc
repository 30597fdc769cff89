#include "condition/signs.h"

#include <algorithm>
#include <cmath>

#include "condition/statistics.h"

namespace lineside::condition {
namespace {

constexpr double kTiny = 1e-18, kSpeedLowHz = 5, kSpeedHighHz = 125, kSpeedBandHz = 1000, kProminenceMax = 4,
                 kFirstOrderMin = 1.5, kLearnedNear = 0.025, kLearnedShare = 0.6, kEnvelopeLowHz = 4,
                 kEnvelopeHighHz = 800;
constexpr std::array<double, 5> kOrderWeights{1, 0.8, 0.6, 0.4, 0.3};

double sum_around(std::span<const float> power, double bin_hz, double hz) {
  if (hz < bin_hz) return 0;  // also what lies below zero
  const auto at = static_cast<std::size_t>(hz / bin_hz + 0.5);
  if (at < 1 || at + 1 >= power.size()) return 0;
  return double{power[at - 1]} + power[at] + power[at + 1];
}

// 0 beyond the ends.
float largest_around(std::span<const float> values, double bin_hz, double hz) {
  if (hz < bin_hz) return 0;  // also what lies below zero
  const auto at = static_cast<std::size_t>(hz / bin_hz + 0.5);
  if (at < 1 || at + 1 >= values.size()) return 0;
  return std::max({values[at - 1], values[at], values[at + 1]});
}

// Each bin's power over the median of its surroundings; its logarithm is the bin's prominence.
std::vector<float> ratios_of(std::span<const float> power, std::size_t count) {
  count = std::min(count, power.size());
  std::vector<float> ratios = local_medians(power, count);
  for (std::size_t i = 0; i < count; ++i) ratios[i] = power[i] / (ratios[i] + static_cast<float>(kTiny));
  return ratios;
}

// Finite, also for the infinite power of absurd samples.
float prominence(float ratio) { return std::log(std::min(ratio, 1e30F) + static_cast<float>(kTiny)); }

// Of the bins around; 0 beyond the ends.
double prominence_around(std::span<const float> ratios, double bin_hz, double hz) {
  const float largest = largest_around(ratios, bin_hz, hz);
  return largest > 0 ? prominence(largest) : 0;
}

// The strongest line of the envelopes, and what stands beside it.
void add_envelope_signs(std::span<const EnvelopeSpectrum> envelopes, double speed_hz, std::vector<float>& out) {
  double best = 0, hz = 0, kurtosis = 0, shaft = 0, cage = 0;
  for (const EnvelopeSpectrum& envelope : envelopes) {
    if (envelope.power.size() < 32) continue;
    const auto ratios = ratios_of(envelope.power, static_cast<std::size_t>(kEnvelopeHighHz / envelope.bin_hz));
    const auto from = static_cast<std::size_t>(kEnvelopeLowHz / envelope.bin_hz) + 2;
    if (from + 1 >= ratios.size()) continue;
    const std::size_t at = from + largest_at(std::span(ratios).subspan(from, ratios.size() - 1 - from));
    const double line = prominence(ratios[at]);
    if (line <= best) continue;
    best = line, hz = static_cast<double>(at) * envelope.bin_hz, kurtosis = envelope.kurtosis;
    if (speed_hz <= 0) continue;
    const auto beside = [&](double away) {
      return 0.5 * (prominence_around(ratios, envelope.bin_hz, hz - away) +
                    prominence_around(ratios, envelope.bin_hz, hz + away));
    };
    shaft = beside(speed_hz);
    cage = 0;
    for (const double share : {0.36, 0.38, 0.40, 0.42, 0.44}) cage = std::max(cage, beside(share * speed_hz));
  }
  for (const double value : {std::log(std::max(kurtosis + 2, 0.2)), best, hz, shaft, cage})
    out.push_back(static_cast<float>(value));
}

}  // namespace

void SpeedFinder::add(std::span<const float> power, double bin_hz) {
  bin_hz_ = bin_hz;
  const auto ratios = ratios_of(power, static_cast<std::size_t>(kSpeedBandHz / bin_hz));
  prominence_.resize(std::max(prominence_.size(), ratios.size()), 0.0F);
  for (std::size_t i = 0; i < ratios.size(); ++i)
    if (ratios[i] > 1) prominence_[i] = std::max(prominence_[i], prominence(ratios[i]));
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
      if (at < prominence_.size()) sum += kOrderWeights[k] * std::clamp(double{prominence_[at]}, 0.0, kProminenceMax);
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
      center += static_cast<double>(i) * std::exp(double{prominence_[i]}), power += std::exp(double{prominence_[i]});
    sum += bin_hz_ * center / power;  // k times the speed, with a weight of k
    weights += static_cast<double>(k);
  }
  return weights > 0 ? sum / weights : hz;
}

void add_asset_features(const Asset& asset, std::span<const float> power, double bin_hz,
                        std::span<const EnvelopeSpectrum> envelopes, double speed_hz, std::vector<float>& out) {
  if (asset.bearings.empty() && asset.gear_teeth.empty()) return;
  std::vector<std::vector<float>> ratios;
  for (const EnvelopeSpectrum& envelope : envelopes) ratios.push_back(ratios_of(envelope.power, envelope.power.size()));
  const auto passing = [&](double order) {
    double best = 0;
    for (std::size_t e = 0; e < ratios.size() && order > 0; ++e) {
      double sum = 0;
      for (const int multiple : {1, 2, 3})
        sum += std::max(0.0, prominence_around(ratios[e], envelopes[e].bin_hz, multiple * order * speed_hz)) / 3;
      best = std::max(best, sum);
    }
    return static_cast<float>(0.5 * best);
  };
  for (const BearingOrders& bearing : asset.bearings)
    for (const double order : {bearing.outer, bearing.inner, bearing.ball, bearing.cage}) out.push_back(passing(order));
  const auto gear = asset.gear_teeth.empty() ? std::vector<float>{} : ratios_of(power, power.size());
  for (const int teeth : asset.gear_teeth) {
    const auto at = [&](double order) { return std::max(0.0, prominence_around(gear, bin_hz, order * speed_hz)); };
    out.push_back(static_cast<float>(0.5 * at(teeth)));
    out.push_back(static_cast<float>(0.125 * (at(teeth - 1) + at(teeth + 1) + at(teeth - 2) + at(teeth + 2))));
  }
}

void add_signs(std::span<const float> power, double bin_hz, std::span<const EnvelopeSpectrum> envelopes,
               double speed_hz, std::vector<float>& out) {
  const auto log_power = [&](double hz) {
    return static_cast<float>(std::log((speed_hz > 0 ? sum_around(power, bin_hz, hz) : 0) + kTiny));
  };
  for (const double order : Sign::kOrders) out.push_back(log_power(order * speed_hz));
  out.push_back(static_cast<float>(std::log(sum_around(power, bin_hz, 100) + kTiny)));
  out.push_back(static_cast<float>(std::log(sum_around(power, bin_hz, 120) + kTiny)));
  float mesh = 1;
  if (speed_hz > 0) {
    const auto ratios = ratios_of(power, static_cast<std::size_t>(62 * speed_hz / bin_hz));
    for (int order = 10; order <= 60; ++order) mesh = std::max(mesh, largest_around(ratios, bin_hz, order * speed_hz));
  }
  out.push_back(prominence(mesh));
  const double high = sum_of(power.subspan(power.size() / 5));
  out.push_back(static_cast<float>(std::log(high + kTiny)));
  add_envelope_signs(envelopes, speed_hz, out);
}

}  // namespace lineside::condition
