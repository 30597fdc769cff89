#include "condition/spectrum.h"

#include <kiss_fft.h>
#include <kiss_fftr.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

namespace lineside::condition {
namespace {

constexpr std::size_t kEnvelopeBinsMin = 16;

struct FreePlan {
  void operator()(void* plan) const { kiss_fft_free(plan); }
};
using RealPlan = std::unique_ptr<kiss_fftr_state, FreePlan>;
using ComplexPlan = std::unique_ptr<kiss_fft_state, FreePlan>;

std::vector<double> hann(std::size_t size) {
  std::vector<double> window(size);
  for (std::size_t i = 0; i < size; ++i)
    window[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size));
  return window;
}

std::size_t fast_even_size(std::size_t size) {
  return static_cast<std::size_t>(kiss_fftr_next_fast_size_real(static_cast<int>(size)));
}

}  // namespace

// A real transform with its window and buffers.
struct RealTransform {
  std::size_t samples, size;
  RealPlan plan;
  std::vector<double> window;
  std::vector<kiss_fft_scalar> input;
  std::vector<kiss_fft_cpx> output;
  std::vector<double> power;
  explicit RealTransform(std::size_t count)
      : samples(count),
        size(fast_even_size(std::max<std::size_t>(count, 2))),
        plan(kiss_fftr_alloc(static_cast<int>(size), 0, nullptr, nullptr)),
        window(hann(count)),
        input(size, 0),
        output(size / 2 + 1),
        power(size / 2 + 1) {}
};

struct Spectrum::Plans {
  std::size_t size = 0;
  RealPlan forward;
  std::vector<double> window;
  double window_power = 1;
  std::vector<kiss_fft_scalar> input;
  std::vector<kiss_fft_cpx> output, plain;  // windowed, and without a window for the envelope
  std::map<std::size_t, ComplexPlan> inverse;
  std::map<std::size_t, RealTransform> envelopes;  // by their length
  std::vector<kiss_fft_cpx> bins, analytic;
  kiss_fft_state* inverse_of(std::size_t count) {
    auto& plan = inverse[count];
    if (!plan) plan.reset(kiss_fft_alloc(static_cast<int>(count), 1, nullptr, nullptr));
    return plan.get();
  }
};

Spectrum::Spectrum(std::size_t samples, double rate_hz)
    : samples_(samples), rate_hz_(rate_hz), plans_(std::make_unique<Plans>()) {
  Plans& p = *plans_;
  p.size = fast_even_size(samples);
  bin_hz_ = rate_hz / static_cast<double>(p.size);
  p.forward.reset(kiss_fftr_alloc(static_cast<int>(p.size), 0, nullptr, nullptr));
  p.window = hann(samples);
  p.window_power =
      std::transform_reduce(p.window.begin(), p.window.end(), 0.0, std::plus<>(), [](double w) { return w * w; });
  p.input.assign(p.size, 0);
  p.output.resize(p.size / 2 + 1);
  p.plain.resize(p.size / 2 + 1);
  power_.resize(p.size / 2 + 1);
}

Spectrum::~Spectrum() = default;

void Spectrum::load(std::span<const float> signal) {
  Plans& p = *plans_;
  const double mean = std::accumulate(signal.begin(), signal.end(), 0.0) / static_cast<double>(samples_);
  for (std::size_t i = 0; i < samples_; ++i) p.input[i] = static_cast<kiss_fft_scalar>(signal[i] - mean);
  kiss_fftr(p.forward.get(), p.input.data(), p.plain.data());
  if (p.size == samples_) {
    // Hann's window has three bins of its own: -1/4, 1/2, -1/4.
    const std::size_t last = p.plain.size() - 1;
    for (std::size_t i = 0; i <= last; ++i) {
      const kiss_fft_cpx below = i > 0 ? p.plain[i - 1] : kiss_fft_cpx{p.plain[1].r, -p.plain[1].i};
      const kiss_fft_cpx above = i < last ? p.plain[i + 1] : kiss_fft_cpx{p.plain[last - 1].r, -p.plain[last - 1].i};
      p.output[i] = {0.5F * p.plain[i].r - 0.25F * (below.r + above.r),
                     0.5F * p.plain[i].i - 0.25F * (below.i + above.i)};
    }
  } else {
    for (std::size_t i = 0; i < samples_; ++i) p.input[i] *= static_cast<kiss_fft_scalar>(p.window[i]);
    kiss_fftr(p.forward.get(), p.input.data(), p.output.data());
  }
  const double scale = 2 / (p.window_power * static_cast<double>(p.size));
  for (std::size_t i = 0; i < power_.size(); ++i) {
    const double re = p.output[i].r, im = p.output[i].i;
    power_[i] = (re * re + im * im) * scale * (i == 0 || i + 1 == power_.size() ? 0.5 : 1);
  }
}

double Spectrum::energy(Band band) const {
  const auto from = static_cast<std::size_t>(std::max(0.0, std::ceil(band.low_hz / bin_hz_)));
  const auto to = std::min(power_.size(), static_cast<std::size_t>(std::max(0.0, std::ceil(band.high_hz / bin_hz_))));
  return from < to ? std::accumulate(power_.begin() + static_cast<std::ptrdiff_t>(from),
                                     power_.begin() + static_cast<std::ptrdiff_t>(to), 0.0)
                   : 0;
}

double Spectrum::envelope_rate_hz(Band band) const {
  const auto count = static_cast<std::size_t>((band.high_hz - band.low_hz) / bin_hz_);
  return static_cast<double>(kiss_fft_next_fast_size(static_cast<int>(count))) * bin_hz_;
}

std::vector<double> Spectrum::envelope(Band band) const {
  Plans& p = *plans_;
  const auto from = static_cast<std::size_t>(std::max(1.0, band.low_hz / bin_hz_));
  const auto count = std::min(static_cast<std::size_t>((band.high_hz - band.low_hz) / bin_hz_),
                              p.plain.size() - 1 - std::min(from, p.plain.size() - 1));
  if (count < kEnvelopeBinsMin) return {};
  // The band's bins moved down to zero: the magnitude does not care about the shift, and few bins make a short result.
  const auto size = static_cast<std::size_t>(kiss_fft_next_fast_size(static_cast<int>(count)));
  p.bins.assign(size, {0, 0});
  p.analytic.resize(size);
  std::copy_n(p.plain.begin() + static_cast<std::ptrdiff_t>(from), count, p.bins.begin());
  kiss_fft(p.inverse_of(size), p.bins.data(), p.analytic.data());
  // Zero padding behind the window holds no signal.
  const auto used = std::max<std::size_t>(8, size * samples_ / p.size);
  std::vector<double> result(std::min(used, size));
  const double scale = 2 / static_cast<double>(p.size);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double re = p.analytic[i].r, im = p.analytic[i].i;
    result[i] = std::sqrt(re * re + im * im) * scale;
  }
  return result;
}

std::span<const double> Spectrum::envelope_power(std::span<const double> envelope, double rate_hz,
                                                 double& bin_hz) const {
  RealTransform& t = plans_->envelopes.try_emplace(envelope.size(), envelope.size()).first->second;
  bin_hz = rate_hz / static_cast<double>(t.size);
  const double mean = std::accumulate(envelope.begin(), envelope.end(), 0.0) / static_cast<double>(envelope.size());
  for (std::size_t i = 0; i < envelope.size(); ++i)
    t.input[i] = static_cast<kiss_fft_scalar>((envelope[i] - mean) * t.window[i]);
  kiss_fftr(t.plan.get(), t.input.data(), t.output.data());
  for (std::size_t i = 0; i < t.power.size(); ++i)
    t.power[i] =
        static_cast<double>(t.output[i].r) * t.output[i].r + static_cast<double>(t.output[i].i) * t.output[i].i;
  return t.power;
}

std::size_t quick_length(std::size_t samples) {
  for (std::size_t length = samples - samples % 2; length > 2; length -= 2)
    if (fast_even_size(length) == length) return length;
  return samples;
}

}  // namespace lineside::condition
