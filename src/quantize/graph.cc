#include "quantize/graph.h"

#include <cstring>
#include <format>

namespace lineside::quantize {
namespace {

std::unexpected<Error> unsupported(std::string what) {
  return fail(ErrorCode::model_unsupported, "the model can't be quantized: " + std::move(what));
}

Result<void> check_input(Graph& graph) {
  for (auto& input : *graph.model.mutable_graph()->mutable_input()) {
    if (graph.is_constant(input.name())) continue;
    if (!graph.input.empty()) return unsupported(std::format("it has inputs '{}' and '{}'", graph.input, input.name()));
    graph.input = input.name();
    auto& tensor = *input.mutable_type()->mutable_tensor_type();
    if (tensor.elem_type() != onnx::TensorProto::FLOAT)
      return unsupported(std::format("its input '{}' is not float32", input.name()));
    graph.input_elements = 1;
    for (int i = 0; i < tensor.shape().dim_size(); ++i) {
      auto& dimension = *tensor.mutable_shape()->mutable_dim(i);
      if (i == 0 && !dimension.has_dim_value()) dimension.set_dim_value(1);
      if (dimension.dim_value() < 1)
        return unsupported(std::format("its input '{}' has a dynamic size beyond the batch", input.name()));
      graph.input_elements *= static_cast<std::size_t>(dimension.dim_value());
    }
  }
  if (graph.input.empty()) return unsupported("it has no input");
  return {};
}

}  // namespace

Result<Graph> load_graph(std::span<const std::uint8_t> onnx) {
  Graph graph;
  if (!graph.model.ParseFromArray(onnx.data(), static_cast<int>(onnx.size())) || !graph.model.has_graph())
    return unsupported("it is not an ONNX model");
  const auto& proto = graph.model.graph();
  for (const auto& tensor : proto.initializer()) graph.constants[tensor.name()] = &tensor;
  LINESIDE_TRY(check_input(graph));
  for (int i = 0; i < proto.node_size(); ++i) {
    const auto& node = proto.node(i);
    if (node.op_type() == "QuantizeLinear" || node.op_type() == "QLinearConv")
      return unsupported("it is quantized already");
    for (const auto& name : node.input()) graph.consumers[name].push_back(i);
  }
  for (const auto& output : proto.output()) graph.outputs.insert(output.name());
  return graph;
}

std::vector<std::uint8_t> to_bytes(const onnx::ModelProto& model) {
  std::vector<std::uint8_t> bytes(model.ByteSizeLong());
  model.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

std::vector<float> float_values(const onnx::TensorProto& tensor) {
  if (tensor.data_type() != onnx::TensorProto::FLOAT) return {};
  if (!tensor.has_raw_data()) return {tensor.float_data().begin(), tensor.float_data().end()};
  std::vector<float> values(tensor.raw_data().size() / sizeof(float));
  std::memcpy(values.data(), tensor.raw_data().data(), values.size() * sizeof(float));
  return values;
}

std::int64_t int_attribute(const onnx::NodeProto& node, const std::string& name, std::int64_t otherwise) {
  for (const auto& attribute : node.attribute())
    if (attribute.name() == name) return attribute.i();
  return otherwise;
}

float float_attribute(const onnx::NodeProto& node, const std::string& name, float otherwise) {
  for (const auto& attribute : node.attribute())
    if (attribute.name() == name) return attribute.f();
  return otherwise;
}

}  // namespace lineside::quantize
