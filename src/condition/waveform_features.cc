#include <algorithm>
#include <cmath>
#include <format>
#include <numbers>
#include <numeric>

#include "condition/features.h"

namespace lineside::condition {
namespace {

constexpr double kTiny = 1e-12, kLowestHz = 5, kVelocityLowHz = 10, kVelocityHighHz = 1000, kSpeedHighHz = 250;
constexpr std::size_t kBandsMax = 24;
// Changes below these are not worth speaking of: logarithms of amplitudes (about 8 %), of ratios to a spectrum's floor.
constexpr double kAmplitudeFloor = 0.08, kShapeFloor = 0.08, kLineFloor = 0.15, kCorrelationFloor = 0.05;

double log_amplitude(double power) { return 0.5 * std::log(power + kTiny); }

struct Moments {
  double rms = 0, peak = 0, skewness = 0, kurtosis = 3;
};

Moments moments(std::span<const float> x) {
  const auto n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double m2 = 0, m3 = 0, m4 = 0, peak = 0;
  for (const float value : x) {
    const double d = value - mean, d2 = d * d;
    m2 += d2, m3 += d2 * d, m4 += d2 * d2;
    peak = std::max(peak, std::abs(d));
  }
  m2 /= n, m3 /= n, m4 /= n;
  if (m2 <= 0) return {};
  return {.rms = std::sqrt(m2), .peak = peak, .skewness = m3 / std::pow(m2, 1.5), .kurtosis = m4 / (m2 * m2)};
}

struct Lines {
  double first = 0, next = 0;  // log of the strongest line's amplitude over the spectrum's median; of the next two
  double share = 0;            // log of the strongest line's amplitude over the envelope's mean
};

// Lines between 5 Hz and half the range (at most 1 kHz) of an envelope's spectrum.
Lines envelope_lines(const Spectrum& spectrum, std::span<const double> envelope, double rate_hz) {
  double bin_hz = 1;
  const std::span<const double> power = spectrum.envelope_power(envelope, rate_hz, bin_hz);
  const auto from = std::max<std::size_t>(3, static_cast<std::size_t>(kLowestHz / bin_hz) + 1);
  const auto to = std::min(power.size(), static_cast<std::size_t>(1000 / bin_hz));
  if (to < from + 16) return {};
  std::vector<double> range(power.begin() + static_cast<std::ptrdiff_t>(from),
                            power.begin() + static_cast<std::ptrdiff_t>(to));
  const double floor = quantile(range, 0.5) + kTiny;
  std::array<double, 3> top{};
  for (double& best : top) {
    const auto at = std::ranges::max_element(range);
    best = *at;
    const auto index = at - range.begin(), last = static_cast<std::ptrdiff_t>(range.size()) - 1;
    for (auto i = std::max<std::ptrdiff_t>(0, index - 2); i <= std::min(last, index + 2); ++i)
      range[static_cast<std::size_t>(i)] = 0;
  }
  const auto n = static_cast<double>(envelope.size());
  const double mean = std::accumulate(envelope.begin(), envelope.end(), 0.0) / n;
  // Hann halves an amplitude of n/2 in the transform.
  const double amplitude = std::sqrt(top[0]) * 4 / n;
  return {.first = 0.5 * std::log(top[0] / floor + kTiny),
          .next = 0.25 * (std::log(top[1] / floor + kTiny) + std::log(top[2] / floor + kTiny)),
          .share = std::log(amplitude / (mean + kTiny) + 1e-3)};
}

void add_envelope(const Spectrum& spectrum, Band band, std::vector<float>& out) {
  const std::vector<double> envelope = spectrum.envelope(band);
  if (envelope.empty()) {
    out.insert(out.end(), 4, 0.0F);
    return;
  }
  const Lines lines = envelope_lines(spectrum, envelope, spectrum.envelope_rate_hz(band));
  out.push_back(static_cast<float>(std::log(std::max(spectral_kurtosis(envelope) + 2, 0.2))));
  out.push_back(static_cast<float>(lines.first));
  out.push_back(static_cast<float>(lines.next));
  out.push_back(static_cast<float>(lines.share));
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

double spectral_kurtosis(std::span<const double> envelope) {
  double second = 0, fourth = 0;
  for (const double a : envelope) second += a * a, fourth += a * a * a * a;
  const auto n = static_cast<double>(envelope.size());
  return second > 0 ? fourth / n / (second / n * (second / n)) - 2 : 0;
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
  }
  for (std::size_t c = 0; c + 1 < channels.size(); ++c)
    features.push_back({.channel = channels[c],
                        .name = "correlation with " + channels[c + 1],
                        .role = Role::other,
                        .spread_floor = kCorrelationFloor});
  return features;
}

struct WaveformExtractor::State {
  const WaveformFront& front;
  double rate_hz;
  Spectrum spectrum;
  std::vector<double> low_power;  // of all channels, below kSpeedHighHz * 3
};

WaveformExtractor::WaveformExtractor(const WaveformFront& front, double rate_hz)
    : state_(new State{front, rate_hz, Spectrum(front.window, rate_hz), {}}) {}
WaveformExtractor::~WaveformExtractor() = default;

std::vector<float> WaveformExtractor::extract(std::span<const std::span<const float>> channels) {
  State& s = *state_;
  std::vector<float> out;
  s.low_power.assign(s.spectrum.power().size(), 0);
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const Moments m = moments(channels[c]);
    s.spectrum.load(channels[c]);
    const auto power = s.spectrum.power();
    double velocity = 0;
    for (std::size_t i = 1; i < power.size(); ++i) {
      const double f = static_cast<double>(i) * s.spectrum.bin_hz(), omega = 2 * std::numbers::pi * f;
      if (f >= kVelocityLowHz && f <= kVelocityHighHz) velocity += power[i] / (omega * omega);
      if (f < 3 * kSpeedHighHz) s.low_power[i] += power[i] / (m.rms * m.rms + kTiny);
    }
    const double total = m.rms * m.rms;
    for (const double value :
         {log_amplitude(total), 0.5 * std::log(velocity + kTiny * kTiny), std::log(m.peak + kTiny),
          std::log(m.peak / (m.rms + kTiny) + kTiny), std::log(m.kurtosis), std::clamp(m.skewness, -10.0, 10.0)})
      out.push_back(static_cast<float>(value));
    for (const Band& band : s.front.bands) out.push_back(static_cast<float>(log_amplitude(s.spectrum.energy(band))));
    for (const Band& band : s.front.bands)
      out.push_back(static_cast<float>(0.5 * std::log((s.spectrum.energy(band) + kTiny) / (total + kTiny))));
    for (const Band& band : s.front.demodulation[c]) add_envelope(s.spectrum, band, out);
  }
  for (std::size_t c = 0; c + 1 < channels.size(); ++c) {
    const auto a = channels[c], b = channels[c + 1];
    const auto n = static_cast<double>(a.size());
    const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n,
                 mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double x = a[i] - mean_a, y = b[i] - mean_b;
      ab += x * y, aa += x * x, bb += y * y;
    }
    out.push_back(static_cast<float>(aa > 0 && bb > 0 ? std::atanh(0.999 * ab / std::sqrt(aa * bb)) : 0));
  }
  return out;
}

Speed WaveformExtractor::speed() const {
  const auto& power = state_->low_power;
  const double bin = state_->spectrum.bin_hz();
  const auto last = std::min(power.size() - 1, static_cast<std::size_t>(3 * kSpeedHighHz / bin));
  const double total = std::accumulate(power.begin() + 1, power.begin() + static_cast<std::ptrdiff_t>(last), 0.0);
  Speed best;
  const auto around = [&](double hz) {
    const auto at = static_cast<std::size_t>(hz / bin + 0.5);
    return at < 2 || at + 1 > last ? 0.0 : power[at - 1] + power[at] + power[at + 1];
  };
  for (double hz = kLowestHz; hz <= kSpeedHighHz / 2 && total > 0; hz += bin / 4) {
    const double share = (around(hz) + 0.7 * around(2 * hz) + 0.5 * around(3 * hz)) / total;
    // A sub-multiple collects the same lines on its higher orders only: the first order must be there itself.
    if (around(hz) > 0.1 * share * total && share > best.share) best = {hz, share};
  }
  return best;
}

}  // namespace lineside::condition
