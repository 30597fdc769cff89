#pragma once
// `lineside-train inspection`: a folder of pictures becomes a signed bundle (docs/training.md describes the method).
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "bundle/manifest.h"
#include "training/pack.h"

namespace lineside::training {

struct InspectionOptions {
  std::filesystem::path images, out, groups_csv, key;  // key: made if not there; empty = the user's
  int size_px = 0;                                     // 0: chosen from the pictures
  Precision precision = Precision::best;
  std::uint64_t seed = 1;
  std::chrono::seconds time_limit{0};  // 0: none; training as a whole ends soon after
  double false_reject_target = 0;      // 0: the usual one, less strict where rejects would escape (choose_threshold)
  bool fast = false;                   // one network even where few pictures make several vote: a fifth of the time
  int jobs = 0;                        // networks trained at once; 0 = one per core. Does not change the result
  int steps = 0;                       // training steps per network; 0: chosen from the number of pictures
  std::string name, version = "1";     // name empty: from the file's name
  std::uint64_t counter = 1;
  std::string tool;  // program and version, for the manifest
};

struct InspectionReport {
  bundle::Manifest manifest;
  std::size_t good = 0, rejects = 0;
  Threshold threshold;
  bool stopped_early = false;  // Ctrl-C or the time limit: the best so far was kept; manifest: training_share
  double seconds = 0;
};

// `say` gets one line for people at a time (progress, notes, figures). `stop` is asked often; when true the training
// ends and the best so far is kept (cancelled while the pictures are still being read).
// Whether `out` can be written is asked before anything is read. Errors: those of load_dataset, export_onnx and
// quantize; parity_failed; disk_full, file_io. Nothing is written then.
Result<InspectionReport> train_inspection(const InspectionOptions& options, Clock& clock,
                                          const std::function<void(const std::string&)>& say,
                                          const std::function<bool()>& stop);

// The report as people read it: figures with intervals, confusion matrix, parity.
std::string describe(const InspectionReport& report);

}  // namespace lineside::training
