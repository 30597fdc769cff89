#pragma once
// `lineside-train condition`: recordings of a machine in good order become a signed bundle that says how far any later
// window is from them (docs/condition.md describes the method).
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bundle/manifest.h"
#include "condition/model.h"

namespace lineside::training {

struct ConditionOptions {
  std::vector<std::string> inputs;   // files and folders
  std::vector<std::string> columns;  // names or numbers; empty: every channel that carries a signal
  std::string time_column;
  double rate_hz = 0;
  std::filesystem::path asset;        // asset.yaml: geometry and speed; empty: nothing is known
  double false_alarms_per_month = 0;  // of a machine that is listened to all the time; 0: one in 1,000 windows
  std::filesystem::path out, key;     // key: made if not there; empty = the user's
  std::uint64_t seed = 1;
  std::string name, version = "1";  // name empty: from the file's name
  std::uint64_t counter = 1;
  std::string tool;  // program and version, for the manifest
};

// How well a detector told made-up faults from held-back normal windows.
struct DetectorFigures {
  std::string name;
  std::vector<double> auroc;  // per fault of fault_names()
  double mean = 0;
};

struct ConditionReport {
  bundle::Manifest manifest;
  condition::Model model;
  std::size_t recordings = 0, windows = 0, suspicious = 0;  // suspicious: held-back windows above twice the threshold
  std::vector<std::string> faults;
  std::vector<DetectorFigures> detectors;  // each one, then the ensembles tried
  std::string chosen;
  bool threshold_fitted = false, single_recordings = false;
  double false_alarm_share = 0;  // of windows, that the threshold was set for
  double onnx_error_max = 0, seconds = 0;
};

// `say` gets one line for people at a time. `stop` is asked often; then the training ends with cancelled.
// Errors: those of list_inputs, read_recording and read_asset; dataset_invalid (nothing usable, or over a
// quarter of the recordings look faulty: why); parity_failed
// (the exported network differs from the trained one); disk_full, file_io. Nothing is written then.
Result<ConditionReport> train_condition(const ConditionOptions& options, Clock& clock,
                                        const std::function<void(const std::string&)>& say,
                                        const std::function<bool()>& stop);

// The report as people read it.
std::string describe(const ConditionReport& report);

}  // namespace lineside::training
