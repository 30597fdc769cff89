#pragma once
// Recordings of a simulated machine as files, to learn and to try with.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"

namespace lineside::plant {

struct VibrateOptions {
  std::filesystem::path out;  // folder for 0001.csv ...: a column for each axis, x, y, z, a4 ...
  int count = 30;
  double seconds = 2, rate_hz = 10'000, speed_hz = 29.3;
  int axes = 3;
  std::string kind = "motor", fault = "ok";
  double severity = 1;
  std::uint64_t seed = 1;
};

// Each recording goes on where the one before ended. `go_on` is asked before each.
// Errors: usage (unknown fault), file_io, disk_full, cancelled.
Result<void> write_vibration(const VibrateOptions& options, const std::function<bool()>& go_on);

}  // namespace lineside::plant
