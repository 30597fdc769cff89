#pragma once
// The float graph with QuantizeLinear/DequantizeLinear pairs and integer weights.
#include <map>
#include <string>

#include "quantize/calibration.h"
#include "quantize/graph.h"
#include "quantize/plan.h"
#include "quantize/quantize.h"

namespace lineside::quantize {

Scale make_scale(Range range);

// `scales` has one for each value of plan.quantized. `takes_bytes`: the graph's input becomes uint8, at its scale.
onnx::ModelProto rewrite(const Graph& graph, const Plan& plan, const std::map<std::string, Scale>& scales,
                         bool takes_bytes);

}  // namespace lineside::quantize
