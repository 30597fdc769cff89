#pragma once
// Judges the detectors on normal windows held back from them and on made-up faults, chooses among them and sets the
// threshold.
#include <functional>
#include <span>
#include <vector>

#include "condition/recording.h"
#include "training/autoencoder.h"
#include "training/condition.h"
#include "training/condition_fit.h"

namespace lineside::training {

struct Judged {
  std::vector<DetectorFigures> figures;
  std::string chosen;
  bool fitted = false;  // the threshold, by extreme-value fit
  std::size_t suspicious = 0;
};

// The deviations of `samples` from their states (those outside `fold`, or all), as the detectors take them.
std::vector<std::vector<double>> deviation_rows(const std::vector<Sample>& samples, const condition::Model& model,
                                                std::size_t fold);
// The network for rows of both kinds; `varied` may be empty.
AutoencoderSpec autoencoder_spec(std::size_t features, std::size_t rows);
Result<std::vector<DenseLayer>> learn_autoencoder(const std::vector<std::vector<double>>& rows,
                                                  const std::vector<std::vector<double>>& varied, std::uint64_t seed);

struct JudgeOptions {
  std::uint64_t seed = 1;
  double false_alarm_share = 1e-3;  // of normal windows, that the thresholds are set for
};

// Sets `model`'s thresholds, members and ensemble threshold; everything else of it is only read. `recordings` are those
// that the samples came from, `varied` their copies of other days (none for telemetry): the fewer recordings there are
// of a state, the more the thresholds are those of the copies. Errors: those of train_autoencoder; cancelled.
Result<Judged> judge_detectors(const std::vector<Sample>& samples, const std::vector<Sample>& varied,
                               std::size_t states, std::span<const condition::Recording> recordings,
                               condition::Model& model, const JudgeOptions& options, const std::function<bool()>& stop);

}  // namespace lineside::training
