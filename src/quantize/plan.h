#pragma once
// Which nodes are quantized, and which values therefore need a scale.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "quantize/graph.h"

namespace lineside::quantize {

enum class Role {
  real,        // stays in float
  weighted,    // Conv, Gemm: integer weights and bias
  activation,  // Relu or Clip right behind a quantized node: melts into its output's scale
  arithmetic,  // Add, Mul, Concat, averages: own output scale
  moving,      // MaxPool, Flatten ...: moves values, so input and output share one scale
};

struct Plan {
  std::vector<Role> roles;                  // one per node
  std::vector<std::string> quantized;       // values that get a QuantizeLinear/DequantizeLinear pair, in graph order
  std::map<std::string, std::string> same;  // output of a moving node -> the value whose scale it shares
  // The value whose range counts for `name`.
  const std::string& root(const std::string& name) const;
};

// Errors: model_unsupported (nothing to quantize).
Result<Plan> make_plan(const Graph& graph);

}  // namespace lineside::quantize
