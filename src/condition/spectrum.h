#pragma once
// Spectra and envelopes of one window of one channel. Not thread-safe: each thread has its own Spectrum. All transforms
// are planned once; windows whose length is a product of 2, 3 and 5 are the quickest (one transform less).
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace lineside::condition {

struct Band {
  double low_hz = 0, high_hz = 0;
};

// Plans for windows of one length. Amplitudes keep the signal's unit.
class Spectrum {
 public:
  Spectrum(std::size_t samples, double rate_hz);
  ~Spectrum();
  Spectrum(const Spectrum&) = delete;
  Spectrum& operator=(const Spectrum&) = delete;

  // Takes in a window (its mean is removed). `signal` has the length given at construction.
  void load(std::span<const float> signal);
  double bin_hz() const { return bin_hz_; }
  // Mean square of each bin with a Hann window (amplitude spectrum squared, corrected for the window's power), so that
  // the sum over all bins is the variance of a stationary signal.
  std::span<const float> power() const { return power_; }
  // Sum of power() over low <= f < high.
  double energy(Band band) const;
  // Squared envelope's root: |analytic signal| of the part in `band`, sampled at envelope_rate_hz(band) (its own
  // bandwidth is enough for a demodulated signal). Empty if the band has fewer than 16 bins.
  std::vector<float> envelope(Band band) const;
  // Power of each bin of an envelope (Hann window, mean removed), 0 .. half its rate; valid until the next call.
  std::span<const float> envelope_power(std::span<const float> envelope, double rate_hz, double& bin_hz) const;
  double envelope_rate_hz(Band band) const;

 private:
  struct Plans;
  std::size_t samples_;
  double bin_hz_;
  std::unique_ptr<Plans> plans_;
  std::vector<float> power_;
};

// The longest length up to `samples` whose transforms are quick: even, a product of 2, 3 and 5.
std::size_t quick_length(std::size_t samples);

}  // namespace lineside::condition
