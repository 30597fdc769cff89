#include "training/condition_vary.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "condition/features.h"
#include "condition/fft.h"

namespace lineside::training {
namespace {

constexpr double kGain = 0.06, kResponse = 0.1, kSpeed = 0.006, kSpeedMax = 0.018, kTurn = 0.03, kLowestHz = 5;
// Neighbouring axes are warmed together.
constexpr double kShared = 0.6, kOwn = 0.8;
constexpr std::size_t kDays = 6, kVariedMax = 300;
constexpr double kUsualRecordings = 3;

double octaves(double hz) { return std::max(0.0, std::log2(hz / kLowestHz)); }

// Of the sample at a fraction: the cubic through its four neighbours (Catmull and Rom).
float between(std::span<const float> x, double at) {
  const auto sample = [&](std::ptrdiff_t i) {
    const float value = x[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(i, 0, std::ssize(x) - 1))];
    return std::isfinite(value) ? static_cast<double>(value) : 0.0;
  };
  const auto i = static_cast<std::ptrdiff_t>(at);
  const double u = at - static_cast<double>(i), a = sample(i - 1), b = sample(i), c = sample(i + 1), d = sample(i + 2);
  return static_cast<float>(b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a))));
}

}  // namespace

OtherDay::OtherDay(std::size_t channels, double rate_hz, Random& random)
    : rate_hz_(rate_hz),
      speed_(1 + std::clamp(kSpeed * random.normal(), -kSpeedMax, kSpeedMax)),
      turn_(kTurn * random.normal()) {
  std::vector<double> shared(static_cast<std::size_t>(octaves(rate_hz / 2)) + 2);
  for (double& value : shared) value = random.normal();
  for (std::size_t c = 0; c < channels; ++c) {
    const double gain = kGain * random.normal();
    response_.emplace_back();
    for (const double value : shared)
      response_.back().push_back(gain + kResponse * (kShared * value + kOwn * random.normal()));
  }
}

std::vector<std::vector<float>> OtherDay::window(const condition::Recording& recording, std::size_t first,
                                                 std::size_t window) const {
  const std::size_t samples = recording.samples();
  const auto needed = std::min(samples, static_cast<std::size_t>(static_cast<double>(window) * speed_) + 3);
  first = std::min(first, samples - needed);
  condition::Fft fft(window);
  std::vector<std::vector<float>> channels;
  std::vector<float> re(window), im(window);
  for (std::size_t c = 0; c < recording.channels.size(); ++c) {
    const auto part = std::span(recording.channels[c]).subspan(first, needed);
    for (std::size_t i = 0; i < window; ++i) re[i] = between(part, static_cast<double>(i) * speed_);
    std::ranges::fill(im, 0.0F);
    fft.forward(re, im);
    for (std::size_t k = 0; k <= window / 2; ++k) {
      const double at = octaves(static_cast<double>(k) * rate_hz_ / static_cast<double>(window));
      const auto octave = std::min(static_cast<std::size_t>(at), response_[c].size() - 2);
      const double share = std::min(1.0, at - static_cast<double>(octave));
      const auto factor =
          static_cast<float>(std::exp(response_[c][octave] * (1 - share) + response_[c][octave + 1] * share) /
                             static_cast<double>(window));
      re[k] *= factor, im[k] *= factor;
      if (k > 0 && k < window - k) re[window - k] *= factor, im[window - k] *= factor;
    }
    fft.inverse(re, im);
    channels.push_back(re);
  }
  for (std::size_t i = 0; channels.size() > 1 && i < window; ++i) {
    const double a = channels[0][i], b = channels[1][i];
    channels[0][i] = static_cast<float>(std::cos(turn_) * a + std::sin(turn_) * b);
    channels[1][i] = static_cast<float>(std::cos(turn_) * b - std::sin(turn_) * a);
  }
  return channels;
}

std::vector<Sample> vary(const std::vector<Sample>& samples, std::span<const condition::Recording> recordings,
                         const condition::Model& model, std::uint64_t seed) {
  condition::WaveformExtractor extractor(model.waveform, model.rate_hz);
  const std::size_t days = std::clamp<std::size_t>(kVariedMax / std::max<std::size_t>(samples.size(), 1), 1, kDays);
  const std::size_t step = days * samples.size() / kVariedMax + 1;
  const Random random(seed);
  std::vector<Sample> varied;
  for (std::size_t day = 0; day < days; ++day)
    for (std::size_t i = day % step; i < samples.size(); i += step) {
      const Sample& from = samples[i];
      Random own = random.fork(from.recording * kDays + day);
      const OtherDay other(model.channels.size(), model.rate_hz, own);
      const auto channels =
          other.window(recordings[from.recording], from.window * model.waveform.hop, model.waveform.window);
      const std::vector<std::span<const float>> spans(channels.begin(), channels.end());
      Sample sample{.x = extractor.extract(spans),
                    .signs = {},
                    .recording = from.recording,
                    .window = from.window,
                    .state = from.state,
                    .fold = from.fold,
                    .day = day + 1};
      if (std::ranges::all_of(sample.x, [](float value) { return std::isfinite(value); }))
        varied.push_back(std::move(sample));
    }
  return varied;
}

double variation_share(const std::vector<Sample>& samples) {
  std::map<std::size_t, std::size_t> state_of;
  std::size_t states = 0;
  for (const Sample& sample : samples) {
    state_of[sample.recording] = sample.state;
    states = std::max(states, sample.state + 1);
  }
  const auto further = static_cast<double>(state_of.size() - std::min(states, state_of.size()));
  return kUsualRecordings / (kUsualRecordings + further);
}

}  // namespace lineside::training
