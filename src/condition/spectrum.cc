#include "condition/spectrum.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "base/cpu.h"
#include "condition/fft.h"
#include "condition/statistics.h"

namespace lineside::condition {
namespace {

constexpr std::size_t kEnvelopeBinsMin = 16;

std::vector<float> hann(std::size_t size) {
  std::vector<float> window(size);
  for (std::size_t i = 0; i < size; ++i)
    window[i] = static_cast<float>(
        0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size)));
  return window;
}

std::size_t fast_even_size(std::size_t size) { return 2 * fft_length((size + 1) / 2); }

struct Bins {
  std::vector<float> re, im;
  explicit Bins(std::size_t count) : re(count), im(count) {}
};

LINESIDE_FOR_EACH_CPU void remove_mean(const float* from, float* to, std::size_t count, double mean) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i] - mean);
}

LINESIDE_FOR_EACH_CPU void multiply(const float* window, float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) values[i] *= window[i];
}

LINESIDE_FOR_EACH_CPU void squares(const float* re, const float* im, float* to, std::size_t count, float scale) {
  for (std::size_t i = 0; i < count; ++i) to[i] = (re[i] * re[i] + im[i] * im[i]) * scale;
}

// The same under Hann's window, which has three bins of its own: -1/4, 1/2, -1/4. One more bin is read on both sides.
LINESIDE_FOR_EACH_CPU void hann_squares(const float* re, const float* im, float* to, std::size_t count, float scale) {
  for (std::size_t i = 0; i < count; ++i) {
    const float r = 0.5F * re[i] - 0.25F * (*(re + i - 1) + re[i + 1]);
    const float j = 0.5F * im[i] - 0.25F * (*(im + i - 1) + im[i + 1]);
    to[i] = (r * r + j * j) * scale;
  }
}

LINESIDE_FOR_EACH_CPU void magnitudes(const float* re, const float* im, float* to, std::size_t count, float scale) {
  for (std::size_t i = 0; i < count; ++i) to[i] = std::sqrt(re[i] * re[i] + im[i] * im[i]) * scale;
}

// A real transform with its window and buffers.
struct RealTransform {
  RealFft fft;
  std::vector<float> window, input, power;
  Bins output;
  explicit RealTransform(std::size_t count)
      : fft(fast_even_size(std::max<std::size_t>(count, 2))),
        window(hann(count)),
        input(fft.size()),
        power(fft.size() / 2 + 1),
        output(fft.size() / 2 + 1) {}
};

}  // namespace

struct Spectrum::Plans {
  RealFft forward;
  std::vector<float> window, input;
  double window_power = 0;
  Bins plain, windowed;                // the latter only where the length needs padding
  std::map<std::size_t, Fft> inverse;  // by their length, as the next
  std::map<std::size_t, RealTransform> envelopes;
  std::vector<float> re, im;
  explicit Plans(std::size_t samples)
      : forward(fast_even_size(samples)),
        window(hann(samples)),
        input(forward.size()),
        plain(forward.size() / 2 + 1),
        windowed(forward.size() == samples ? 0 : forward.size() / 2 + 1) {
    for (const float w : window) window_power += double{w} * w;
  }
};

Spectrum::Spectrum(std::size_t samples, double rate_hz)
    : samples_(samples), plans_(std::make_unique<Plans>(samples)), power_(plans_->plain.re.size()) {
  bin_hz_ = rate_hz / static_cast<double>(plans_->forward.size());
}

Spectrum::~Spectrum() = default;

void Spectrum::load(std::span<const float> signal) {
  Plans& p = *plans_;
  const std::size_t size = p.forward.size(), last = size / 2;
  remove_mean(signal.data(), p.input.data(), samples_, sum_of(signal) / static_cast<double>(samples_));
  p.forward.forward(p.input, p.plain.re, p.plain.im);
  const auto scale = static_cast<float>(2 / (p.window_power * static_cast<double>(size)));
  if (size == samples_) {
    const float *re = p.plain.re.data(), *im = p.plain.im.data();
    if (last > 1) hann_squares(re + 1, im + 1, power_.data() + 1, last - 1, scale);
    // Beyond the ends are the mirrored bins.
    const float low = 0.5F * (re[0] - re[1]), high = 0.5F * (re[last] - re[last - 1]);
    power_[0] = low * low * scale, power_[last] = high * high * scale;
  } else {
    multiply(p.window.data(), p.input.data(), samples_);
    p.forward.forward(p.input, p.windowed.re, p.windowed.im);
    squares(p.windowed.re.data(), p.windowed.im.data(), power_.data(), power_.size(), scale);
  }
  power_.front() *= 0.5F, power_.back() *= 0.5F;
}

double Spectrum::energy(Band band) const {
  const auto from = static_cast<std::size_t>(std::max(0.0, std::ceil(band.low_hz / bin_hz_)));
  const auto to = std::min(power_.size(), static_cast<std::size_t>(std::max(0.0, std::ceil(band.high_hz / bin_hz_))));
  return from < to ? sum_of(power().subspan(from, to - from)) : 0;
}

double Spectrum::envelope_rate_hz(Band band) const {
  return static_cast<double>(fft_length(static_cast<std::size_t>((band.high_hz - band.low_hz) / bin_hz_))) * bin_hz_;
}

std::vector<float> Spectrum::envelope(Band band) const {
  Plans& p = *plans_;
  const std::size_t last = p.plain.re.size() - 1;
  const auto from = static_cast<std::size_t>(std::max(1.0, band.low_hz / bin_hz_));
  const auto count =
      std::min(static_cast<std::size_t>((band.high_hz - band.low_hz) / bin_hz_), last - std::min(from, last));
  if (count < kEnvelopeBinsMin) return {};
  // The band's bins moved down to zero: the magnitude does not care about the shift, and few bins make a short result.
  const std::size_t size = fft_length(count);
  p.re.assign(size, 0), p.im.assign(size, 0);
  std::copy_n(p.plain.re.begin() + static_cast<std::ptrdiff_t>(from), count, p.re.begin());
  std::copy_n(p.plain.im.begin() + static_cast<std::ptrdiff_t>(from), count, p.im.begin());
  p.inverse.try_emplace(size, size).first->second.inverse(p.re, p.im);
  // Zero padding behind the window holds no signal.
  const auto used = std::max<std::size_t>(8, size * samples_ / p.forward.size());
  std::vector<float> result(std::min(used, size));
  magnitudes(p.re.data(), p.im.data(), result.data(), result.size(),
             static_cast<float>(2 / static_cast<double>(p.forward.size())));
  return result;
}

std::span<const float> Spectrum::envelope_power(std::span<const float> envelope, double rate_hz, double& bin_hz) const {
  RealTransform& t = plans_->envelopes.try_emplace(envelope.size(), envelope.size()).first->second;
  bin_hz = rate_hz / static_cast<double>(t.fft.size());
  remove_mean(envelope.data(), t.input.data(), envelope.size(),
              sum_of(envelope) / static_cast<double>(envelope.size()));
  multiply(t.window.data(), t.input.data(), envelope.size());
  t.fft.forward(t.input, t.output.re, t.output.im);
  squares(t.output.re.data(), t.output.im.data(), t.power.data(), t.power.size(), 1);
  return t.power;
}

std::size_t quick_length(std::size_t samples) {
  for (std::size_t length = samples - samples % 2; length > 2; length -= 2)
    if (fast_even_size(length) == length) return length;
  return samples;
}

}  // namespace lineside::condition
