#pragma once
// Scores recordings with a condition model: one result per window (waveform) or row (telemetry), in the order of time.
// A result uses nothing from later than its own window.
#include <memory>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "condition/detectors.h"
#include "condition/explain.h"
#include "condition/features.h"
#include "condition/follow.h"
#include "condition/model.h"
#include "condition/recording.h"

namespace lineside::condition {

enum class Verdict : std::uint8_t { normal, anomaly, unknown_state, sensor_fault };
const char* to_string(Verdict verdict);

struct WindowScore {
  double start_s = 0;    // from the beginning of the file: by the sample's number and the rate
  double score = 0;      // larger: further from normal; 0 if a sensor's fault left nothing to score
  double threshold = 1;  // at this and above it is an anomaly
  Verdict verdict = Verdict::normal;
  std::string state;
  std::string contributors;  // to_text(explanation), or what is wrong with which sensor
  Explanation explanation;   // empty with a sensor's fault
};

// One window's features with what the sensors' checks said.
struct WindowFeatures {
  std::size_t first_sample = 0;
  std::vector<float> x;  // empty when a sensor's fault left nothing to score
  Speed speed;
  std::vector<float> signs;  // of known faults, for the diagnosis; waveforms only
  std::string fault;         // of a sensor; empty: none
};

// What a recording or a live stream remembers between its windows. Start a new one after a gap.
struct RecentScores {
  std::vector<double> logarithms;  // of the latest scores, which are averaged
  SlowAverages slow;               // telemetry only
};

// The channels of a recording that the model uses, in its order, short gaps (up to 1 %) bridged by straight lines.
// A channel that is not there becomes NaN.
Recording model_channels(const Model& model, const Recording& recording);
// All windows of a recording; one with a fault if it is shorter than a window.
std::vector<WindowFeatures> extract_windows(const Model& model, const Recording& recording);

// Windows one after the other, as they come: keeps what outlasts a window (transform plans, moving averages). Owner
// thread only; the model must outlive it.
class WindowExtractor {
 public:
  explicit WindowExtractor(const Model& model);
  ~WindowExtractor();
  // One span per channel of the model, in its order: waveform.window samples each; telemetry: one. Gaps are NaN.
  WindowFeatures next(std::span<const std::span<const float>> channels, std::size_t first_sample);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Owner thread only.
class Scorer {
 public:
  // Errors: bundle_invalid (not a condition bundle, or its parts don't fit), those of inference::Session::create.
  static Result<std::unique_ptr<Scorer>> create(const bundle::Bundle& bundle, const std::string& library);
  explicit Scorer(Model model, Reconstruct reconstruct);
  const Model& model() const { return model_; }
  // `rate_hz` as the person says. Waveforms that are faster than the model's are brought to its rate. Errors: usage
  // (slower than the model's by more than 2 %, or telemetry of another rate), inference_failed.
  Result<std::vector<WindowScore>> score(const Recording& recording, double rate_hz) const;
  // One window, with what the windows before it said: `recent` is the caller's, empty at the start of a recording. A
  // score that is no number is a sensor's fault.
  // Errors: inference_failed.
  Result<WindowScore> score_next(const WindowFeatures& window, RecentScores& recent) const;

 private:
  // `x`: the window's features, telemetry's less their slow averages.
  Result<WindowScore> judge(const WindowFeatures& window, std::span<const float> x) const;
  Model model_;
  Reconstruct reconstruct_;
};

// "file,start_s,score,threshold,verdict,state,contributors" (RFC 4180), without and with the header.
std::string csv_header();
std::string to_csv(const std::string& file, const std::vector<WindowScore>& scores);

}  // namespace lineside::condition
