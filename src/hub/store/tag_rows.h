#pragma once
// What the store knows of tags: coded blocks as they came, and summaries.
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/record.h"

namespace lineside::hub {

struct TagGeneration {
  std::string stream;
  std::uint64_t generation = 0;
  std::vector<std::uint8_t> plan;
};

struct TagBlockRow {
  std::uint32_t index = 0;
  WallTime from{}, to{};
  nanoseconds moved{};
  std::uint64_t samples = 0;
  std::uint32_t check = 0;
  bool readable = true;  // false: one before it never came
  std::vector<std::uint8_t> content;
};

}  // namespace lineside::hub
