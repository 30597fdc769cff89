#pragma once
// Ranges of activations, from running the float model on calibration tensors.
#include <map>
#include <string>
#include <vector>

#include "quantize/graph.h"
#include "quantize/plan.h"
#include "quantize/quantize.h"

namespace lineside::quantize {

// What was seen of one value.
struct Histogram {
  static constexpr int kBins = 2048;
  float min = 0, max = 0;           // 0 is always inside
  std::vector<std::uint64_t> bins;  // from min to max
};

using Statistics = std::map<std::string, Histogram>;

// For each value of the plan. Runs the model twice on each tensor. Errors: dataset_invalid, and those of Session.
Result<Statistics> collect(const Graph& graph, const Plan& plan, CalibrationSet calibration,
                           const std::string& library);

struct Range {
  float min = 0, max = 0;
};
Range choose_range(const Histogram& histogram, Calibration method, double percentile);

}  // namespace lineside::quantize
