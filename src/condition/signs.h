#pragma once
// Signs of known faults in one window of a waveform: what the diagnosis compares with normal. They choose no verdict.
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "condition/features.h"
#include "condition/spectrum.h"

namespace lineside::condition {

// Of one channel. Powers are logarithms of mean squares; prominences logarithms of a line's power over the median of
// its surroundings.
struct Sign {
  static constexpr std::array<double, 10> kOrders{0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7};
  static constexpr std::size_t kOrder = 0;     // power at each of kOrders times the shaft's speed
  static constexpr std::size_t kLine100 = 10;  // power at 100 Hz, at 120 Hz: twice the mains' frequency
  static constexpr std::size_t kLine120 = 11;
  static constexpr std::size_t kMesh = 12;           // prominence of the strongest order from the 10th to the 60th
  static constexpr std::size_t kHigh = 13;           // power above a tenth of the rate
  static constexpr std::size_t kImpulsive = 14;      // spectral kurtosis of the envelope that has the strongest line
  static constexpr std::size_t kEnvelopeLine = 15;   // prominence of that line
  static constexpr std::size_t kEnvelopeHz = 16;     // its frequency, Hz
  static constexpr std::size_t kEnvelopeShaft = 17;  // prominence of sidebands at the shaft's speed around it
  static constexpr std::size_t kEnvelopeCage = 18;   // at 0.35 to 0.45 of the speed: a bearing's cage
  static constexpr std::size_t kCount = 19;
};

// The shaft's speed from spectra of all channels (power of each bin, one after the other added by add()).
class SpeedFinder {
 public:
  // Takes in one channel's power up to 1 kHz, each bin over the median of its surroundings.
  void add(std::span<const float> power, double bin_hz);
  void clear() { prominence_.clear(); }
  // The speed from 5 to 125 Hz whose first five orders stand out most; share: their mean prominence, 0..1, each
  // clipped. About 0.25 in noise.
  // nominal_hz > 0: looked for within 7 % of it; nominal itself where nothing stands out there. A speed within 2.5 % of
  // one in `learned_hz` is taken if it stands out six tenths as much as the best: the lines of a damaged bearing, which
  // can be stronger than the shaft's, are no other speed.
  Speed find(double nominal_hz = 0, std::span<const double> learned_hz = {}) const;

 private:
  Speed best_between(double low_hz, double high_hz) const;
  double refined(double hz) const;
  double bin_hz_ = 1;
  std::vector<float> prominence_;
};

// `envelopes`: power spectra of the channel's envelopes with their bins and spectral kurtosis.
struct EnvelopeSpectrum {
  std::vector<float> power;
  double bin_hz = 1, kurtosis = 0;
};
// Prominence of each bearing's passing frequencies (their first three multiples, the best envelope) and of each gear's
// mesh and its sidebands (decibels over the surroundings), 0 where the asset does not say them.
void add_asset_features(const Asset& asset, std::span<const float> power, double bin_hz,
                        std::span<const EnvelopeSpectrum> envelopes, double speed_hz, std::vector<float>& out);
void add_signs(std::span<const float> power, double bin_hz, std::span<const EnvelopeSpectrum> envelopes,
               double speed_hz, std::vector<float>& out);

}  // namespace lineside::condition
