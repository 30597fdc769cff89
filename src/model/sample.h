#pragma once
// One reading of one tag, as a source gave it. What was not read is never a number: its quality says so.
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/clock.h"

namespace lineside {

// As OPC UA's status codes begin (OPC 10000-4, 7.39): only a good value may trip or clear anything.
enum class Quality : std::uint8_t { good, uncertain, bad };

struct Sample {
  std::size_t tag = 0;                                      // its place in the gateway's settings
  WallTime source_time{};                                   // when it was measured; zero: no clock says, or a wrong one
  WallTime received{};                                      // when it was here
  double value = std::numeric_limits<double>::quiet_NaN();  // in the tag's unit; NaN only where the quality is bad
  Quality quality = Quality::bad;
};

}  // namespace lineside
