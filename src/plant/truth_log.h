#pragma once
// What really happened on the simulated lines: one JSON line per bottle that passed the rejector, per pulse that hit
// nothing, and per trouble that was ordered. docs/plant.md describes the fields.
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "plant/rejector.h"

namespace lineside::plant {

// Thread-safe. Writing is buffered by the kernel only: what was written is there when the process is killed.
class TruthLog {
 public:
  // Truncates an older file. With an empty path nothing is written. Errors: file_not_found (its folder),
  // file_io.
  static Result<std::unique_ptr<TruthLog>> open(const std::filesystem::path& path);
  ~TruthLog();
  void bottle(std::string_view line, const Outcome& outcome);
  void miss(std::string_view line, const Miss& miss, WallTime at);
  void trouble(std::string_view line, std::string_view what, WallTime at);

 private:
  struct State;
  explicit TruthLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::plant
