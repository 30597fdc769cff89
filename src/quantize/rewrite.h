#pragma once
// The float graph with QuantizeLinear/DequantizeLinear pairs and integer weights.
#include <map>
#include <string>

#include "quantize/calibration.h"
#include "quantize/graph.h"
#include "quantize/plan.h"

namespace lineside::quantize {

// How a value becomes a byte: byte = round(value / scale) + zero_point, 0..255.
struct Scale {
  float scale = 1;
  std::uint8_t zero_point = 0;
};
Scale make_scale(Range range);

// `scales` has one for each value of plan.quantized.
onnx::ModelProto rewrite(const Graph& graph, const Plan& plan, const std::map<std::string, Scale>& scales);

}  // namespace lineside::quantize
