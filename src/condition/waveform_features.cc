#include <algorithm>
#include <cmath>
#include <format>
#include <numbers>
#include <numeric>

#include "condition/signs.h"
#include "condition/statistics.h"

namespace lineside::condition {
namespace {

constexpr double kTiny = 1e-12, kLowestHz = 5, kVelocityLowHz = 10, kVelocityHighHz = 1000;
constexpr std::size_t kBandsMax = 24;
// Changes below these are not worth speaking of: logarithms of amplitudes (about 8 %), of ratios to a spectrum's floor.
constexpr double kAmplitudeFloor = 0.08, kShapeFloor = 0.08, kLineFloor = 0.15, kCorrelationFloor = 0.05;

double log_amplitude(double power) { return 0.5 * std::log(power + kTiny); }

struct Lines {
  double first = 0, next = 0;  // log of the strongest line's amplitude over the spectrum's median; of the next two
  double share = 0;            // log of the strongest line's amplitude over the envelope's mean
};

// Lines between 5 Hz and half the range (at most 1 kHz) of an envelope's spectrum.
Lines envelope_lines(std::span<const float> power, double bin_hz, std::span<const float> envelope) {
  const auto from = std::max<std::size_t>(3, static_cast<std::size_t>(kLowestHz / bin_hz) + 1);
  const auto to = std::min(power.size(), static_cast<std::size_t>(1000 / bin_hz));
  if (to < from + 16) return {};
  const auto range = power.subspan(from, to - from);
  const double floor = kth_smallest(range, range.size() / 2) + kTiny;
  std::vector<float> rest(range.begin(), range.end());
  std::array<double, 3> top{};
  for (double& best : top) {
    const std::size_t at = largest_at(rest), low = at < 2 ? 0 : at - 2, high = std::min(rest.size(), at + 3);
    best = rest[at];
    std::fill(rest.begin() + static_cast<std::ptrdiff_t>(low), rest.begin() + static_cast<std::ptrdiff_t>(high), 0.0F);
  }
  const auto n = static_cast<double>(envelope.size());
  const double mean = sum_of(envelope) / n;
  // Hann halves an amplitude of n/2 in the transform.
  const double amplitude = std::sqrt(top[0]) * 4 / n;
  return {.first = 0.5 * std::log(top[0] / floor + kTiny),
          .next = 0.25 * (std::log(top[1] / floor + kTiny) + std::log(top[2] / floor + kTiny)),
          .share = std::log(amplitude / (mean + kTiny) + 1e-3)};
}

EnvelopeSpectrum add_envelope(const Spectrum& spectrum, Band band, std::vector<float>& out) {
  EnvelopeSpectrum result;
  const std::vector<float> envelope = spectrum.envelope(band);
  if (envelope.empty()) {
    out.insert(out.end(), 4, 0.0F);
    return result;
  }
  const auto power = spectrum.envelope_power(envelope, spectrum.envelope_rate_hz(band), result.bin_hz);
  result.power.assign(power.begin(), power.end());
  result.kurtosis = spectral_kurtosis(envelope);
  const Lines lines = envelope_lines(power, result.bin_hz, envelope);
  out.push_back(static_cast<float>(std::log(std::max(result.kurtosis + 2, 0.2))));
  out.push_back(static_cast<float>(lines.first));
  out.push_back(static_cast<float>(lines.next));
  out.push_back(static_cast<float>(lines.share));
  return result;
}

void add_correlations(std::span<const std::span<const float>> channels, std::vector<float>& out) {
  for (std::size_t c = 0; c + 1 < channels.size(); ++c) {
    const Products sums = central_products(channels[c], channels[c + 1]);
    out.push_back(static_cast<float>(
        sums.xx > 0 && sums.yy > 0 ? std::atanh(0.999 * sums.xy / std::sqrt(sums.xx * sums.yy)) : 0));
  }
}

// What a bin's power of acceleration is multiplied by to give that of velocity, up to the range's upper end.
std::vector<double> velocity_weights(double bin_hz, std::size_t bins) {
  std::vector<double> weights;
  for (std::size_t i = 0; i < bins && static_cast<double>(i) * bin_hz <= kVelocityHighHz; ++i) {
    const double f = static_cast<double>(i) * bin_hz, omega = 2 * std::numbers::pi * f;
    weights.push_back(f >= kVelocityLowHz ? 1 / (omega * omega) : 0);
  }
  return weights;
}

}  // namespace

std::vector<Band> log_bands(std::size_t window, double rate_hz) {
  const double low = std::max(kLowestHz, 2 * rate_hz / static_cast<double>(window)), high = 0.48 * rate_hz;
  const auto count = std::clamp<std::size_t>(static_cast<std::size_t>(2 * std::log2(high / low)), 4, kBandsMax);
  std::vector<Band> bands(count);
  for (std::size_t i = 0; i < count; ++i)
    bands[i] = {low * std::pow(high / low, static_cast<double>(i) / static_cast<double>(count)),
                low * std::pow(high / low, static_cast<double>(i + 1) / static_cast<double>(count))};
  return bands;
}

double spectral_kurtosis(std::span<const float> envelope) {
  const PowerMeans means = power_means(envelope);
  return means.second > 0 ? means.fourth / (means.second * means.second) - 2 : 0;
}

Band kurtogram_band(std::span<const std::span<const float>> windows, double rate_hz) {
  std::vector<Band> candidates;
  for (const int parts : {2, 4, 8})
    for (int i = 0; i < parts; ++i) {
      const double width = rate_hz / 2 / parts;
      // The lowest parts hold the shaft's own lines, the edges what filters left.
      candidates.push_back({std::max(i * width, 0.01 * rate_hz), std::min((i + 1) * width, 0.48 * rate_hz)});
    }
  std::vector<double> sums(candidates.size(), 0.0);
  if (windows.empty()) return candidates.front();
  Spectrum spectrum(windows.front().size(), rate_hz);
  for (const auto window : windows) {
    spectrum.load(window);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto envelope = spectrum.envelope(candidates[i]);
      if (!envelope.empty()) sums[i] += spectral_kurtosis(envelope);
    }
  }
  return candidates[static_cast<std::size_t>(std::ranges::max_element(sums) - sums.begin())];
}

std::vector<FeatureInfo> waveform_features(const WaveformFront& front, std::span<const std::string> channels) {
  std::vector<FeatureInfo> features;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const auto add = [&](std::string name, Role role, double floor) {
      features.push_back({.channel = channels[c], .name = std::move(name), .role = role, .spread_floor = floor});
    };
    add("rms", Role::level, kAmplitudeFloor);
    add("velocity rms", Role::other, kAmplitudeFloor);
    add("peak", Role::other, kAmplitudeFloor * 1.5);
    add("crest factor", Role::other, kShapeFloor);
    add("kurtosis", Role::impulse, kShapeFloor);
    add("skewness", Role::other, 0.1);
    for (const Band& band : front.bands)
      add(std::format("band {:.0f}-{:.0f} Hz", band.low_hz, band.high_hz), Role::band, kAmplitudeFloor * 1.5);
    for (const Band& band : front.bands)
      add(std::format("share of band {:.0f}-{:.0f} Hz", band.low_hz, band.high_hz), Role::other, kAmplitudeFloor * 1.5);
    for (const Band& band : front.demodulation[c]) {
      const std::string in = std::format("{:.0f}-{:.0f} Hz", band.low_hz, band.high_hz);
      add("spectral kurtosis " + in, Role::other, kShapeFloor);
      add("envelope line " + in, Role::other, kLineFloor);
      add("envelope next lines " + in, Role::other, kLineFloor);
      add("envelope modulation " + in, Role::other, kLineFloor);
    }
    for (const BearingOrders& bearing : front.asset.bearings)
      for (const char* part : {"outer race", "inner race", "ball", "cage"})
        add(std::format("{} of {}", part, bearing.name), Role::other, kLineFloor);
    for (const int teeth : front.asset.gear_teeth) {
      add(std::format("mesh of {} teeth", teeth), Role::other, kLineFloor);
      add(std::format("sidebands of {} teeth", teeth), Role::other, kLineFloor);
    }
  }
  for (std::size_t c = 0; c + 1 < channels.size(); ++c)
    features.push_back({.channel = channels[c],
                        .name = "correlation with " + channels[c + 1],
                        .role = Role::other,
                        .spread_floor = kCorrelationFloor});
  return features;
}

struct WaveformExtractor::State {
  // What the second pass needs, when the speed is known.
  struct Channel {
    std::vector<float> power;
    std::vector<EnvelopeSpectrum> envelopes;
  };
  const WaveformFront& front;
  double rate_hz;
  std::vector<double> learned_hz;
  Spectrum spectrum;
  std::vector<double> velocity;  // weights
  SpeedFinder finder;
  std::vector<Channel> channels;
  std::vector<float> signs;
  Speed speed;
};

WaveformExtractor::WaveformExtractor(const WaveformFront& front, double rate_hz, std::vector<double> learned_hz)
    : state_(new State{front, rate_hz, std::move(learned_hz), Spectrum(front.window, rate_hz), {}, {}, {}, {}, {}}) {
  state_->velocity = velocity_weights(state_->spectrum.bin_hz(), state_->spectrum.power().size());
}
WaveformExtractor::~WaveformExtractor() = default;

Speed WaveformExtractor::speed() const { return state_->speed; }
const std::vector<float>& WaveformExtractor::signs() const { return state_->signs; }

std::vector<float> WaveformExtractor::extract(std::span<const std::span<const float>> channels) {
  State& s = *state_;
  const double bin_hz = s.spectrum.bin_hz();
  std::vector<std::vector<float>> parts(channels.size());
  s.finder.clear();
  s.channels.resize(channels.size());
  for (std::size_t c = 0; c < channels.size(); ++c) {
    std::vector<float>& out = parts[c];
    const Moments m = central_moments(channels[c]);
    const double rms = std::sqrt(m.second);
    s.spectrum.load(channels[c]);
    const auto power = s.spectrum.power();
    s.channels[c].power.assign(power.begin(), power.end());
    s.finder.add(power, bin_hz);
    const double total = m.second;
    const double velocity = std::inner_product(s.velocity.begin(), s.velocity.end(), power.begin(), 0.0);
    const double kurtosis = total > 0 ? m.fourth / (total * total) : 3,
                 skewness = total > 0 ? m.third / (total * rms) : 0;
    for (const double value :
         {log_amplitude(total), 0.5 * std::log(velocity + kTiny * kTiny), std::log(m.peak + kTiny),
          std::log(m.peak / (rms + kTiny) + kTiny), std::log(kurtosis), std::clamp(skewness, -10.0, 10.0)})
      out.push_back(static_cast<float>(value));
    std::vector<double> bands;
    for (const Band& band : s.front.bands) bands.push_back(s.spectrum.energy(band));
    for (const double energy : bands) out.push_back(static_cast<float>(log_amplitude(energy)));
    for (const double energy : bands)
      out.push_back(static_cast<float>(0.5 * std::log((energy + kTiny) / (total + kTiny))));
    s.channels[c].envelopes.clear();
    for (const Band& band : s.front.demodulation[c])
      s.channels[c].envelopes.push_back(add_envelope(s.spectrum, band, out));
  }
  s.speed = s.finder.find(s.front.asset.speed_hz, s.learned_hz);
  s.signs.clear();
  std::vector<float> all;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const State::Channel& channel = s.channels[c];
    add_asset_features(s.front.asset, channel.power, bin_hz, channel.envelopes, s.speed.hz, parts[c]);
    add_signs(channel.power, bin_hz, channel.envelopes, s.speed.hz, s.signs);
    all.insert(all.end(), parts[c].begin(), parts[c].end());
  }
  add_correlations(channels, all);
  return all;
}

}  // namespace lineside::condition
