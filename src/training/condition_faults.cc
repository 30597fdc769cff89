#include "training/condition_faults.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lineside::training {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

void add_impulses(std::vector<float>& x, double amplitude, double rate_hz, double each_hz, double resonance_hz,
                  double decay_s, Random& random) {
  const double period = rate_hz / each_hz;
  for (double at = random.uniform(0, period); at < static_cast<double>(x.size());
       at += period * (1 + 0.01 * random.normal())) {
    const auto first = static_cast<std::size_t>(at);
    const double strength = amplitude * random.uniform(0.7, 1.3);
    const auto length = std::min(x.size() - first, static_cast<std::size_t>(6 * decay_s * rate_hz));
    for (std::size_t i = 0; i < length; ++i) {
      const double t = static_cast<double>(i) / rate_hz;
      x[first + i] += static_cast<float>(strength * std::exp(-t / decay_s) * std::sin(kTurn * resonance_hz * t));
    }
  }
}

void inject_waveform(std::vector<std::vector<float>>& channels, std::size_t fault, double severity, double rate_hz,
                     double speed_hz, std::span<const double> scales, Random& random) {
  const double impulse_hz = random.uniform(20, 150), resonance_hz = rate_hz * random.uniform(0.08, 0.35),
               tone_hz = (speed_hz > 0 ? speed_hz : random.uniform(10, 60)) * (random.chance(0.5) ? 1 : 2),
               modulation_hz = random.uniform(5, 60), phase = random.uniform(0, kTurn);
  for (std::size_t c = 0; c < channels.size(); ++c) {
    auto& x = channels[c];
    const double strength = severity * scales[c] * random.uniform(0.4, 1);
    if (fault == 0) add_impulses(x, 4 * strength, rate_hz, impulse_hz, resonance_hz, 0.001, random);
    double last = 0;
    for (std::size_t i = 0; fault != 0 && i < x.size(); ++i) {
      const double t = static_cast<double>(i) / rate_hz;
      if (fault == 1) x[i] += static_cast<float>(0.7 * strength * std::sin(kTurn * tone_hz * t + phase));
      if (fault == 2) {
        const double noise = random.normal();
        x[i] += static_cast<float>(0.35 * strength * (noise - last));
        last = noise;
      }
      if (fault == 3) x[i] *= static_cast<float>(1 + 0.6 * severity * std::sin(kTurn * modulation_hz * t));
      if (fault == 4) x[i] *= static_cast<float>(1 + 0.5 * severity);
    }
  }
}

void inject_telemetry(std::vector<std::vector<float>>& channels, std::size_t fault, double severity, std::size_t from,
                      std::span<const double> scales, Random& random) {
  const std::size_t c = random.below(channels.size());
  auto& x = channels[c];
  const double sign = random.chance(0.5) ? 1 : -1, scale = severity * scales[c];
  const auto length = static_cast<double>(x.size() - from);
  double mean = 0;
  for (std::size_t i = from; i < x.size(); ++i) mean += x[i] / length;
  if (fault == 3) std::reverse(x.begin() + static_cast<std::ptrdiff_t>(from), x.end());
  for (std::size_t i = from; fault != 3 && i < x.size(); ++i) {
    const double progress = static_cast<double>(i - from) / length;
    if (fault == 0) x[i] += static_cast<float>(sign * 2.5 * scale);
    if (fault == 1) x[i] += static_cast<float>(sign * 5 * scale * progress);
    if (fault == 2) x[i] = static_cast<float>(mean + (x[i] - mean) * (1 + 2 * severity));
  }
}

}  // namespace

std::vector<std::string> fault_names(bool waveform) {
  if (waveform) return {"impulses", "tone", "noise", "modulation", "level"};
  return {"step", "ramp", "spread", "lost correlation"};
}

void inject_fault(std::vector<std::vector<float>>& channels, std::size_t fault, double severity, bool waveform,
                  double rate_hz, double speed_hz, std::size_t from, std::span<const double> scales, Random& random) {
  if (waveform)
    inject_waveform(channels, fault, severity, rate_hz, speed_hz, scales, random);
  else
    inject_telemetry(channels, fault, severity, from, scales, random);
}

}  // namespace lineside::training
