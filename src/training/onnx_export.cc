#include "training/onnx_export.h"

#include <onnx/onnx_pb.h>

#include <format>
#include <initializer_list>
#include <string>

namespace lineside::training {
namespace {

constexpr int kOpset = 13, kIrVersion = 8;

// Appends nodes and weights; each node's output is named after the node.
class GraphWriter {
 public:
  explicit GraphWriter(onnx::GraphProto& graph) : graph_(graph) {}

  onnx::NodeProto& node(const std::string& type, const std::string& name, std::initializer_list<std::string> inputs) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_op_type(type);
    node.set_name(name);
    for (const auto& input : inputs) node.add_input(input);
    node.add_output(name);
    return node;
  }

  std::string weights(const std::string& name, std::initializer_list<std::int64_t> shape,
                      std::span<const float> values) {
    onnx::TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const auto size : shape) tensor.add_dims(size);
    tensor.set_raw_data(values.data(), values.size_bytes());
    return name;
  }

  std::string scalar(const std::string& name, double value) {
    const auto number = static_cast<float>(value);
    return weights(name, {1, 1}, std::span(&number, 1));
  }

  static void integers(onnx::NodeProto& node, const std::string& name, std::initializer_list<std::int64_t> values) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const auto value : values) attribute.add_ints(value);
  }

  static void integer(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }

  void tensor_info(onnx::ValueInfoProto& info, const std::string& name, std::initializer_list<std::int64_t> shape) {
    info.set_name(name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (const auto size : shape) type.mutable_shape()->add_dim()->set_dim_value(size);
  }

 private:
  onnx::GraphProto& graph_;
};

std::string write_convolution(GraphWriter& graph, const std::string& name, const ConvLayer& layer,
                              const std::string& input) {
  const std::string weight = graph.weights(name + ".weight", {layer.out, layer.in, 3, 3}, layer.weights);
  const std::string bias = graph.weights(name + ".bias", {layer.out}, layer.bias);
  auto& conv = graph.node("Conv", name, {input, weight, bias});
  GraphWriter::integers(conv, "kernel_shape", {3, 3});
  GraphWriter::integers(conv, "strides", {layer.stride, layer.stride});
  GraphWriter::integers(conv, "pads", {1, 1, 1, 1});
  std::string sum = name;
  if (layer.residual) {
    sum = name + ".sum";
    graph.node("Add", sum, {name, input});
  }
  graph.node("Relu", name + ".relu", {sum});
  return name + ".relu";
}

// The member's outputs: [1, outputs].
std::string write_member(GraphWriter& graph, const std::string& prefix, const FoldedNetwork& network) {
  std::string at = "image";
  for (std::size_t i = 0; i < network.convolutions.size(); ++i)
    at = write_convolution(graph, std::format("{}conv{}", prefix, i), network.convolutions[i], at);
  graph.node("GlobalAveragePool", prefix + "mean", {at});
  graph.node("GlobalMaxPool", prefix + "max", {at});
  GraphWriter::integer(graph.node("Concat", prefix + "pooled", {prefix + "mean", prefix + "max"}), "axis", 1);
  GraphWriter::integer(graph.node("Flatten", prefix + "features", {prefix + "pooled"}), "axis", 1);
  const std::int64_t outputs = network.spec.outputs;
  const auto features = static_cast<std::int64_t>(network.head_weights.size()) / outputs;
  const std::string weight = graph.weights(prefix + "head.weight", {outputs, features}, network.head_weights);
  const std::string bias = graph.weights(prefix + "head.bias", {outputs}, network.head_bias);
  GraphWriter::integer(graph.node("Gemm", prefix + "head", {prefix + "features", weight, bias}), "transB", 1);
  return prefix + "head";
}

std::string slice(GraphWriter& graph, onnx::GraphProto& proto, const std::string& name, const std::string& input,
                  std::int64_t from, std::int64_t to) {
  const auto index = [&](const std::string& suffix, std::int64_t value) {
    onnx::TensorProto& tensor = *proto.add_initializer();
    tensor.set_name(name + suffix);
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(1);
    tensor.add_int64_data(value);
    return name + suffix;
  };
  graph.node("Slice", name, {input, index(".from", from), index(".to", to), index(".axis", 1)});
  return name;
}

// scores = [1 - score, score * softmax(reject outputs)]
void write_scores(GraphWriter& graph, onnx::GraphProto& proto, const std::string& outputs, int output_count,
                  const Calibration& calibration) {
  const std::string logit = output_count > 1 ? slice(graph, proto, "logit", outputs, 0, 1) : outputs;
  graph.node("Mul", "scaled", {logit, graph.scalar("calibration.slope", calibration.slope)});
  graph.node("Add", "calibrated", {"scaled", graph.scalar("calibration.offset", calibration.offset)});
  graph.node("Sigmoid", "score", {"calibrated"});
  graph.node("Sub", "good_score", {graph.scalar("one", 1), "score"});
  std::string rejects = "score";
  if (output_count > 1) {
    slice(graph, proto, "reject_outputs", outputs, 1, output_count);
    GraphWriter::integer(graph.node("Softmax", "reject_shares", {"reject_outputs"}), "axis", 1);
    graph.node("Mul", "reject_scores", {"reject_shares", "score"});
    rejects = "reject_scores";
  }
  GraphWriter::integer(graph.node("Concat", "scores", {"good_score", rejects}), "axis", 1);
}

}  // namespace

Result<std::vector<std::uint8_t>> export_onnx(std::span<const FoldedNetwork> members, const Calibration& calibration) {
  if (members.empty()) return fail(ErrorCode::internal, "no network to export");
  const NetworkSpec& spec = members.front().spec;
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("lineside-train");
  model.add_opset_import()->set_version(kOpset);
  onnx::GraphProto& proto = *model.mutable_graph();
  proto.set_name("inspection");
  GraphWriter graph(proto);
  graph.tensor_info(*proto.add_input(), "image", {1, spec.channels, spec.input_height, spec.input_width});
  std::string sum;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string outputs = write_member(graph, members.size() == 1 ? "" : std::format("m{}.", i), members[i]);
    if (i > 0) graph.node("Add", std::format("sum{}", i), {sum, outputs});
    sum = i > 0 ? std::format("sum{}", i) : outputs;
  }
  if (members.size() > 1) {
    graph.node("Mul", "average", {sum, graph.scalar("members.share", 1.0 / static_cast<double>(members.size()))});
    sum = "average";
  }
  write_scores(graph, proto, sum, spec.outputs, calibration);
  const std::int64_t labels = spec.outputs > 1 ? spec.outputs : 2;
  graph.tensor_info(*proto.add_output(), "scores", {1, labels});
  std::string bytes;
  if (!model.SerializeToString(&bytes)) return fail(ErrorCode::internal, "the ONNX model can't be serialized");
  return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
}

}  // namespace lineside::training
