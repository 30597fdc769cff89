#pragma once
// Scores recordings with a condition bundle and writes one row per window.
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "bundle/bundle.h"

namespace lineside::toolbox {

struct ConditionScoreOptions {
  std::vector<std::string> inputs, columns;
  std::string time_column, library;
  double rate_hz = 0;
  std::filesystem::path out;
};

// A file that can't be read is named on standard error and left out; the exit code returned is then that of
// file.format, else 0. Errors: those of list_inputs, Scorer::create and Scorer::score; disk_full, file_io.
Result<int> score_recordings(const bundle::Bundle& bundle, const ConditionScoreOptions& options);

}  // namespace lineside::toolbox
