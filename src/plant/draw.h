#pragma once
// Labelled pictures of the simulated bottles, for training, tests and benchmarks.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "plant/bottle_scene.h"

namespace lineside::plant {

struct DrawOptions {
  std::filesystem::path out;
  int count = 400;  // pictures in all
  std::uint64_t seed = 1;
  double defect_share = 0.5;  // the three defects together; a line's own share would give too few of them
  int shifts = 12;            // each has its own light and background: what must not be split when training
  bool series = false;        // one folder in the order of a line (for replay), its classes in labels.csv
  SceneSettings scene;        // its seed is not used
};

// Writes OUT/CLASS/shift-NN/NNNNNN.png, or as a series OUT/NNNNNN.png. Same options, same files. `go_on` is asked after
// each picture and may stop it. Errors: usage (also when OUT is not empty), file_io, cancelled.
Result<void> draw_pictures(const DrawOptions& options, const std::function<bool(int done)>& go_on);

}  // namespace lineside::plant
