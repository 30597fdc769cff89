#pragma once
// How a machine that is watched is at this moment, for the gateway's own page.
#include <cstdint>
#include <string>

#include "model/record.h"

namespace lineside::gateway {

struct AssetStatus {
  AssetSummary now;     // since its last summary, with the newest spectra
  double score = 0;     // of the newest window
  std::string message;  // of the open event; empty: none
  Severity severity = Severity::info;
  std::uint64_t dropped_blocks = 0;
};

}  // namespace lineside::gateway
