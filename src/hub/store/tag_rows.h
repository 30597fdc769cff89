#pragma once
// What the store knows of tags: coded blocks as they came, and summaries.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/record.h"

namespace lineside::hub {

struct TagGeneration {
  std::string stream;
  std::uint64_t generation = 0;
  std::vector<std::uint8_t> plan;  // empty: its first block never came
};

struct TagStreamRow {
  std::string stream;
  std::optional<std::uint64_t> generation;  // the one that was begun last; nothing: its first block never came
};

struct TagBlockRow {
  std::uint32_t index = 0;
  WallTime from{}, to{};
  nanoseconds moved{};
  std::uint32_t check = 0;
  std::vector<std::uint8_t> content;
};

}  // namespace lineside::hub
