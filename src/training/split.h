#pragma once
// Who learns and who judges. Groups stay whole; good and reject items are spread evenly.
#include <cstdint>
#include <vector>

#include "training/dataset.h"

namespace lineside::training {

// For each item the fold (0..folds-1) in which it judges. Every fold has good and reject items if the groups allow it.
std::vector<int> make_folds(const Dataset& data, int folds, std::uint64_t seed);

// For each item its part when there is enough for four: 70 % train, 10 % each of the others.
enum class Part : std::uint8_t { train, calibration, threshold, test };
std::vector<Part> make_parts(const Dataset& data, std::uint64_t seed);

// Enough groups and items in both classes that holding 30 % out costs the model little: 150 items and 20 groups each.
bool enough_for_parts(const Dataset& data);

}  // namespace lineside::training
