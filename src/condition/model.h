#pragma once
// What a condition model knows: how windows are cut, what normal features are in each operating state, the detectors
// with their thresholds, and what a healthy sensor looks like. Stored as detectors.json in the bundle
// (docs/condition.md says how each part is learned and used).
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "condition/asset.h"
#include "condition/linear.h"
#include "condition/spectrum.h"

namespace lineside::condition {

enum class Regime : std::uint8_t {
  waveform,   // from 200 Hz on: windows of up to half a second, features of spectrum and envelope
  telemetry,  // slower: every row is a window; its features look back over earlier rows
};
inline constexpr double kWaveformRateHzMin = 200;

// What a feature says, for the simple detectors, synthetic checks and explanations.
enum class Role : std::uint8_t { level, impulse, band, other };

struct FeatureInfo {
  std::string channel, name;
  Role role = Role::other;
  double spread_floor = 0;  // smaller deviations from normal are never worth speaking of, in the feature's own unit
};

// Ranges seen in normal data, per channel; what is far outside is a sensor's fault and no machine's.
struct ChannelHealth {
  double rms_min = 0, rms_max = 0;  // of windows, mean removed
  double same_run_max = 1;          // samples in a row that were equal
  double at_limit_share_max = 0;    // samples equal to the window's largest or smallest
  double median = 0, step_rms = 0;  // of the values, and of their differences from one sample to the next
};

struct WaveformFront {
  std::size_t window = 0, hop = 0;              // samples
  std::vector<Band> bands;                      // log-spaced, over the whole spectrum
  std::vector<std::vector<Band>> demodulation;  // per channel; the first is the one chosen by kurtogram
  Asset asset;
};

// How far a feature's slow average follows it: deviations from `mean` up to `fully` wholly, the less the nearer they
// come to `until`, and not at all beyond: that is no slow change.
struct Follow {
  double mean = 0, fully = 0, until = 0;
};

struct TelemetryFront {
  double level_rows = 5;              // time constant of the moving averages
  double baseline_rows = 60;          // and of the slow ones that they are taken from
  std::size_t hold_rows = 800;        // a change that stays for so many rows becomes what is usual
  std::vector<double> center, scale;  // per channel
  Matrix residual;                    // row i: how channel i differs from what the others predict of it
  std::vector<Follow> follow;         // per feature; empty while learning: everything is followed
};

struct State {
  std::string name;
  double speed_hz = 0;        // shaft speed estimated from the signal; 0: none found
  std::vector<double> mean;   // of the features
  std::vector<double> signs;  // means of the signs of known faults (signs.h), channel by channel; empty for telemetry
};

enum class DetectorKind : std::uint8_t {
  rms,
  kurtosis,
  extremes,
  pca,
  mahalanobis,
  neighbours,
  autoencoder,
  powers,
  surplus
};
inline constexpr std::size_t kDetectorKinds = 9;
const char* to_string(DetectorKind kind);

struct Detectors {
  std::vector<double> spread;                // per feature: deviations are divided by it
  std::vector<double> freedom;               // per feature: of how many independent values spread is known; empty: many
  Matrix axes;                               // principal axes of the deviations, a row each
  std::vector<double> axis_variance;         // of the training data along them
  std::vector<double> axis_variance_shrunk;  // for the Mahalanobis distance
  double rest_variance_shrunk = 1;           // of all other directions
  std::size_t principal = 0;                 // the first so many axes span PCA's model
  double q_scale = 1;                        // mean of Q on training data
  Matrix neighbours;                         // deviations of normal windows
  // Of each detector's raw score, from held-back normal windows; 0: the detector has no say on this data.
  std::vector<double> threshold = std::vector<double>(kDetectorKinds, 0.0);
  std::vector<DetectorKind> members;  // whose scores, each over its threshold, are averaged (geometric mean)
  double ensemble_threshold = 1;
  double threshold_low = 1, threshold_high = 1;  // 90 % interval of it by bootstrap
};

struct Model {
  Regime regime = Regime::waveform;
  double rate_hz = 0;
  std::vector<std::string> columns;   // as asked for when learning; empty: all channels
  std::vector<std::string> channels;  // names of those that are used
  std::string time_column;
  WaveformFront waveform;
  TelemetryFront telemetry;
  std::vector<ChannelHealth> health;
  std::vector<FeatureInfo> features;
  std::vector<State> states;
  std::vector<double> sign_spread;  // deviations of the signs within the states
  Detectors detectors;
  std::size_t smooth_windows = 1;  // scores are averaged over so many windows of a file, this one and earlier ones
};

// JSON in a fixed order: the same model gives the same bytes.
std::string to_json(const Model& model);
// Errors: bundle_invalid (not what to_json() writes, or parts whose sizes don't fit each other).
Result<Model> parse_model(std::string_view json);

}  // namespace lineside::condition
