#pragma once
// An fp32 ONNX graph made ready for quantization, with what is needed to find one's way in it.
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace lineside::quantize {

struct Graph {
  onnx::ModelProto model;
  std::string input;  // the one input that is no initializer
  std::size_t input_elements = 0;
  std::map<std::string, const onnx::TensorProto*> constants;  // initializers by name; they belong to `model`
  std::map<std::string, std::vector<int>> consumers;          // value -> indices of the nodes that read it
  std::set<std::string> outputs;                              // of the graph

  const onnx::NodeProto& node(int index) const { return model.graph().node(index); }
  bool is_constant(const std::string& name) const { return constants.contains(name); }
};

// Fixes a dynamic batch dimension to 1. Errors: model_unsupported (no ONNX model, not one float32 input, dynamic shape,
// already quantized).
Result<Graph> load_graph(std::span<const std::uint8_t> onnx);

std::vector<std::uint8_t> to_bytes(const onnx::ModelProto& model);
// The values of a float32 tensor, whichever way it stores them. Empty for other types.
std::vector<float> float_values(const onnx::TensorProto& tensor);
std::int64_t int_attribute(const onnx::NodeProto& node, const std::string& name, std::int64_t otherwise);
float float_attribute(const onnx::NodeProto& node, const std::string& name, float otherwise);

}  // namespace lineside::quantize
