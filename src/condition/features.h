#pragma once
// Features of one window (waveform) or one row (telemetry). Formulas and sources: docs/condition.md.
#include <memory>
#include <span>
#include <vector>

#include "condition/model.h"
#include "condition/recording.h"

namespace lineside::condition {

// Bands over the spectrum, two to an octave from 5 Hz (or the tenth bin) to 0.48 of the rate, at most 24.
std::vector<Band> log_bands(std::size_t window, double rate_hz);
// Where the spectral kurtosis of the envelope is highest, of dyadic bands from 1/2 to 1/8 of the range (the fast
// kurtogram's levels 1 to 3: Antoni, Mechanical Systems and Signal Processing 21, 2007), over windows of one channel.
Band kurtogram_band(std::span<const std::span<const float>> windows, double rate_hz);
// <|a|^4> / <|a|^2>^2 - 2 of an envelope: 0 for stationary Gaussian noise (Antoni, MSSP 20, 2006).
double spectral_kurtosis(std::span<const float> envelope);
// The shaft speed that explains the lines at low frequencies best (SpeedFinder in signs.h). 0 when nothing stands out.
struct Speed {
  double hz = 0, share = 0;
};

// What extract() gives, in order. Two channels and more also give the correlations of neighbours.
std::vector<FeatureInfo> waveform_features(const WaveformFront& front, std::span<const std::string> channels);

class WaveformExtractor {
 public:
  // `learned_hz`: speeds that the machine is known to run at (SpeedFinder::find in signs.h).
  WaveformExtractor(const WaveformFront& front, double rate_hz, std::vector<double> learned_hz = {});
  ~WaveformExtractor();
  // One span per channel, each of front.window samples without NaN.
  std::vector<float> extract(std::span<const std::span<const float>> channels);
  // Of the window just extracted.
  Speed speed() const;
  const std::vector<float>& signs() const;  // Sign::kCount of each channel (signs.h)

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::vector<FeatureInfo> telemetry_features(std::span<const std::string> channels);

// Moving averages of the rows so far. A row with NaN leaves the averages as they were.
class TelemetryExtractor {
 public:
  explicit TelemetryExtractor(const TelemetryFront& front);
  std::vector<float> extract(std::span<const float> row);

 private:
  const TelemetryFront& front_;
  std::vector<double> level_, residual_;
};

// Learned from normal rows: robust centre and scale of each channel, and the residual's weights (the inverse of the
// ridge-regularised correlation matrix: its row i, divided by its diagonal, is channel i less its regression on the
// others). As a regressor a channel counts at most two of its deviations: far outside of what was learned nothing is
// known of how it goes with the others.
TelemetryFront learn_telemetry(std::span<const Recording> recordings);

}  // namespace lineside::condition
