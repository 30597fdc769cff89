#include "quantize/rewrite.h"

#include <cmath>
#include <cstring>

namespace lineside::quantize {
namespace {

// Seven bits: CPUs without VNNI add pairs of byte products in 16 bits that saturate, and 2 * 255 * 64 just fits.
constexpr float kWeightMax = 64;
constexpr std::int64_t kOpsetMin = 13;  // QuantizeLinear with an axis

template <class T>
onnx::TensorProto make_tensor(const std::string& name, int type, const std::vector<std::int64_t>& shape,
                              const std::vector<T>& values) {
  onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (std::int64_t size : shape) tensor.add_dims(size);
  tensor.set_raw_data(values.data(), values.size() * sizeof(T));
  return tensor;
}

// Weights as rows per output channel, wherever the channel stands in their shape.
struct ChannelView {
  std::int64_t channels = 1, per_channel = 1;
  bool channel_last = false;
  std::size_t at(std::int64_t channel, std::int64_t i) const {
    return static_cast<std::size_t>(channel_last ? i * channels + channel : channel * per_channel + i);
  }
};

class Rewriter {
 public:
  Rewriter(const Graph& graph, const Plan& plan, const std::map<std::string, Scale>& scales, bool takes_bytes)
      : graph_(graph), plan_(plan), scales_(scales), takes_bytes_(takes_bytes), result_(graph.model) {}

  onnx::ModelProto make() {
    auto& out = *result_.mutable_graph();
    out.clear_node();
    if (scales_.contains(graph_.input)) {
      if (takes_bytes_)
        take_bytes();
      else
        add_pair(graph_.input, graph_.input);
    }
    for (int i = 0; i < graph_.model.graph().node_size(); ++i) add_node(i);
    drop_unused_constants();
    for (auto& opset : *result_.mutable_opset_import())
      if (opset.domain().empty() && opset.version() < kOpsetMin) opset.set_version(kOpsetMin);
    return std::move(result_);
  }

 private:
  onnx::GraphProto& out() { return *result_.mutable_graph(); }

  std::string add_constant(onnx::TensorProto tensor) {
    const std::string name = tensor.name();
    *out().add_initializer() = std::move(tensor);
    return name;
  }

  void add_quant_node(const char* type, const std::string& from, const std::string& scale, const std::string& zero,
                      const std::string& to, int axis = -1) {
    auto& node = *out().add_node();
    node.set_op_type(type);
    node.set_name(to + "_node");
    for (const auto& name : {from, scale, zero}) node.add_input(name);
    node.add_output(to);
    if (axis < 0) return;
    auto& attribute = *node.add_attribute();
    attribute.set_name("axis");
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(axis);
  }

  // value -> QuantizeLinear -> DequantizeLinear; who reads `value` from now on reads the result.
  void add_pair(const std::string& value, const std::string& made_as) {
    const auto [scale_name, zero_name] = add_scale(value);
    add_quant_node("QuantizeLinear", made_as, scale_name, zero_name, value + "_q");
    add_quant_node("DequantizeLinear", value + "_q", scale_name, zero_name, value + "_dq");
    renamed_[value] = value + "_dq";
  }

  void take_bytes() {
    for (auto& input : *out().mutable_input())
      if (input.name() == graph_.input)
        input.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::UINT8);
    const auto [scale_name, zero_name] = add_scale(graph_.input);
    add_quant_node("DequantizeLinear", graph_.input, scale_name, zero_name, graph_.input + "_dq");
    renamed_[graph_.input] = graph_.input + "_dq";
  }

  std::pair<std::string, std::string> add_scale(const std::string& value) {
    const Scale& scale = scales_.at(value);
    return {add_constant(make_tensor<float>(value + "_scale", onnx::TensorProto::FLOAT, {}, {scale.scale})),
            add_constant(make_tensor<std::uint8_t>(value + "_zero", onnx::TensorProto::UINT8, {}, {scale.zero_point}))};
  }

  void add_node(int index) {
    const auto& original = graph_.node(index);
    onnx::NodeProto node = original;
    for (auto& input : *node.mutable_input())
      if (const auto found = renamed_.find(input); found != renamed_.end()) input = found->second;
    if (plan_.roles[static_cast<std::size_t>(index)] == Role::weighted) set_weights(original, node);
    *out().add_node() = node;
    for (const auto& output : original.output())
      if (scales_.contains(output)) add_pair(output, output);
  }

  // Symmetric per channel; the scale also leaves the bias room in 32 bits.
  std::vector<float> weight_scales(const std::vector<float>& weights, const std::vector<float>& bias,
                                   const ChannelView& view, float input_scale) const {
    std::vector<float> scales(static_cast<std::size_t>(view.channels));
    for (std::int64_t c = 0; c < view.channels; ++c) {
      float largest = 0;
      for (std::int64_t i = 0; i < view.per_channel; ++i) largest = std::max(largest, std::abs(weights[view.at(c, i)]));
      const auto channel = static_cast<std::size_t>(c);
      const float for_bias = bias.empty() ? 0 : std::abs(bias[channel]) / (input_scale * 1e9F);
      scales[channel] = std::max({largest / kWeightMax, for_bias, 1e-12F});
    }
    return scales;
  }

  void set_weights(const onnx::NodeProto& original, onnx::NodeProto& node) {
    const auto& tensor = *graph_.constants.at(original.input(1));
    const std::vector<float> weights = float_values(tensor);
    const std::vector<std::int64_t> shape(tensor.dims().begin(), tensor.dims().end());
    ChannelView view;
    view.channel_last = original.op_type() == "Gemm" && int_attribute(original, "transB", 0) == 0;
    view.channels = view.channel_last ? shape.back() : shape.front();
    view.per_channel = static_cast<std::int64_t>(weights.size()) / view.channels;
    const bool has_bias = original.input_size() > 2 && !original.input(2).empty();
    std::vector<float> bias = has_bias ? float_values(*graph_.constants.at(original.input(2))) : std::vector<float>{};
    if (has_bias && bias.size() == 1) bias.assign(static_cast<std::size_t>(view.channels), bias[0]);
    const float input_scale = scales_.at(original.input(0)).scale;
    const auto scales = weight_scales(weights, bias, view, input_scale);
    std::vector<std::int8_t> bytes(weights.size());
    for (std::int64_t c = 0; c < view.channels; ++c)
      for (std::int64_t i = 0; i < view.per_channel; ++i)
        bytes[view.at(c, i)] = static_cast<std::int8_t>(std::clamp(
            std::nearbyint(weights[view.at(c, i)] / scales[static_cast<std::size_t>(c)]), -kWeightMax, kWeightMax));
    const std::string base = original.output(0) + "_weight";
    const std::vector<std::int8_t> zeros(scales.size(), 0);
    node.set_input(1, add_dequantized(base, onnx::TensorProto::INT8, shape, bytes, scales, zeros,
                                      view.channel_last ? static_cast<int>(shape.size()) - 1 : 0));
    if (has_bias) set_bias(original, node, bias, scales, input_scale);
  }

  void set_bias(const onnx::NodeProto& original, onnx::NodeProto& node, const std::vector<float>& bias,
                const std::vector<float>& weight_scale, float input_scale) {
    std::vector<float> scales(bias.size());
    std::vector<std::int32_t> values(bias.size()), zeros(bias.size(), 0);
    for (std::size_t c = 0; c < bias.size(); ++c) {
      scales[c] = input_scale * weight_scale[c];
      values[c] = static_cast<std::int32_t>(std::nearbyint(bias[c] / scales[c]));
    }
    node.set_input(2, add_dequantized(original.output(0) + "_bias", onnx::TensorProto::INT32,
                                      {static_cast<std::int64_t>(bias.size())}, values, scales, zeros, 0));
  }

  template <class T>
  std::string add_dequantized(const std::string& base, int type, const std::vector<std::int64_t>& shape,
                              const std::vector<T>& values, const std::vector<float>& scales,
                              const std::vector<T>& zeros, int axis) {
    const std::vector<std::int64_t> channels{static_cast<std::int64_t>(scales.size())};
    const auto value_name = add_constant(make_tensor(base + "_q", type, shape, values));
    const auto scale_name = add_constant(make_tensor(base + "_scale", onnx::TensorProto::FLOAT, channels, scales));
    const auto zero_name = add_constant(make_tensor(base + "_zero", type, channels, zeros));
    add_quant_node("DequantizeLinear", value_name, scale_name, zero_name, base + "_dq", axis);
    return base + "_dq";
  }

  void drop_unused_constants() {
    std::set<std::string> used;
    for (const auto& node : out().node()) used.insert(node.input().begin(), node.input().end());
    google::protobuf::RepeatedPtrField<onnx::TensorProto> kept;
    for (auto& tensor : *out().mutable_initializer())
      if (used.contains(tensor.name())) *kept.Add() = std::move(tensor);
    out().mutable_initializer()->Swap(&kept);
    out().clear_value_info();
  }

  const Graph& graph_;
  const Plan& plan_;
  const std::map<std::string, Scale>& scales_;
  bool takes_bytes_;
  onnx::ModelProto result_;
  std::map<std::string, std::string> renamed_;
};

}  // namespace

Scale make_scale(Range range) {
  const float low = std::min(range.min, 0.0F), high = std::max(range.max, 0.0F);
  const float scale = std::max((high - low) / 255.0F, 1e-8F);
  return {scale, static_cast<std::uint8_t>(std::clamp(std::nearbyint(-low / scale), 0.0F, 255.0F))};
}

onnx::ModelProto rewrite(const Graph& graph, const Plan& plan, const std::map<std::string, Scale>& scales,
                         bool takes_bytes) {
  return Rewriter(graph, plan, scales, takes_bytes).make();
}

}  // namespace lineside::quantize
