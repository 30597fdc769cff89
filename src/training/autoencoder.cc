#include "training/autoencoder.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <format>

#include "training/optimizer.h"
#include "training/random.h"

namespace lineside::training {
namespace {

constexpr int kOpset = 13, kIrVersion = 8;

// Rows in random order with noise, and as they are.
void fill_batch(const std::vector<std::vector<float>>& rows, const AutoencoderSpec& spec, Random& random,
                at::Tensor& noisy, at::Tensor& clean) {
  const std::size_t width = rows.front().size();
  float* to_noisy = noisy.data_ptr<float>();
  float* to_clean = clean.data_ptr<float>();
  for (int i = 0; i < spec.batch; ++i) {
    const auto& row = rows[random.below(rows.size())];
    for (std::size_t j = 0; j < width; ++j) {
      *to_clean++ = row[j];
      *to_noisy++ = row[j] + static_cast<float>(spec.noise * random.normal());
    }
  }
}

at::Tensor starting_weights(int out, int in, Random& random) {
  auto weights = at::empty({out, in}, at::kFloat);
  float* to = weights.data_ptr<float>();
  const double bound = std::sqrt(6.0 / (in + out));  // Glorot and Bengio 2010
  for (int i = 0; i < in * out; ++i) *to++ = static_cast<float>(random.uniform(-bound, bound));
  return weights.requires_grad_();
}

std::vector<DenseLayer> learn(const std::vector<std::vector<float>>& rows, const AutoencoderSpec& spec,
                              std::uint64_t seed) {
  Random random(seed);
  const int width = static_cast<int>(rows.front().size());
  const int sizes[] = {width, spec.hidden, spec.middle, spec.hidden, width};
  std::vector<at::Tensor> weights, biases, parameters;
  for (int layer = 0; layer < 4; ++layer) {
    weights.push_back(starting_weights(sizes[layer + 1], sizes[layer], random));
    biases.push_back(at::zeros({sizes[layer + 1]}, at::kFloat).requires_grad_());
    parameters.push_back(weights.back());
    parameters.push_back(biases.back());
  }
  Optimizer optimizer(parameters);
  auto noisy = at::empty({spec.batch, width}, at::kFloat), clean = at::empty({spec.batch, width}, at::kFloat);
  for (int step = 0; step < spec.steps; ++step) {
    fill_batch(rows, spec, random, noisy, clean);
    const double progress = static_cast<double>(step) / spec.steps;
    at::Tensor values = noisy;
    for (std::size_t layer = 0; layer < 4; ++layer) {
      values = at::addmm(biases[layer], values, weights[layer].t());
      if (layer < 3) values = values.tanh();
    }
    (values - clean).square().mean().backward();
    optimizer.step(spec.learning_rate * (1 - 0.95 * progress), 1e-3);
  }
  std::vector<DenseLayer> layers;
  for (std::size_t layer = 0; layer < 4; ++layer) {
    DenseLayer& dense = layers.emplace_back(
        DenseLayer{.in = sizes[layer], .out = sizes[layer + 1], .tanh = layer < 3, .weights = {}, .bias = {}});
    const auto weight = weights[layer].detach().contiguous(), bias = biases[layer].detach().contiguous();
    dense.weights.assign(weight.data_ptr<float>(), weight.data_ptr<float>() + weight.numel());
    dense.bias.assign(bias.data_ptr<float>(), bias.data_ptr<float>() + bias.numel());
  }
  return layers;
}

void add_weights(onnx::GraphProto& graph, const std::string& name, std::initializer_list<std::int64_t> shape,
                 const std::vector<float>& values) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const auto size : shape) tensor.add_dims(size);
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
}

void describe_tensor(onnx::ValueInfoProto& info, const std::string& name, std::int64_t width) {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_value(1);
  type.mutable_shape()->add_dim()->set_dim_value(width);
}

}  // namespace

Result<std::vector<DenseLayer>> train_autoencoder(const std::vector<std::vector<float>>& rows,
                                                  const AutoencoderSpec& spec, std::uint64_t seed) {
  try {
    at::set_num_threads(1);
    return learn(rows, spec, seed);
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, std::format("LibTorch: {}", error.what()));
  }
}

std::vector<float> run_layers(const std::vector<DenseLayer>& layers, std::vector<float> values) {
  for (const DenseLayer& layer : layers) {
    std::vector<float> next(layer.bias);
    for (std::size_t o = 0; o < next.size(); ++o) {
      const float* weights = layer.weights.data() + o * static_cast<std::size_t>(layer.in);
      for (std::size_t i = 0; i < values.size(); ++i) next[o] += weights[i] * values[i];
      if (layer.tanh) next[o] = std::tanh(next[o]);
    }
    values = std::move(next);
  }
  return values;
}

std::vector<std::uint8_t> export_autoencoder(const std::vector<DenseLayer>& layers) {
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("lineside");
  model.add_opset_import()->set_version(kOpset);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("condition");
  std::string at = "deviations";
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const DenseLayer& layer = layers[i];
    const std::string name = std::format("dense{}", i);
    add_weights(graph, name + ".weight", {layer.out, layer.in}, layer.weights);
    add_weights(graph, name + ".bias", {layer.out}, layer.bias);
    onnx::NodeProto& gemm = *graph.add_node();
    gemm.set_op_type("Gemm");
    gemm.set_name(name);
    for (const std::string& input : {at, name + ".weight", name + ".bias"}) gemm.add_input(input);
    onnx::AttributeProto& transpose = *gemm.add_attribute();
    transpose.set_name("transB");
    transpose.set_type(onnx::AttributeProto::INT);
    transpose.set_i(1);
    at = i + 1 == layers.size() ? "reconstruction" : name;
    gemm.add_output(at);
    if (!layer.tanh) continue;
    onnx::NodeProto& tanh = *graph.add_node();
    tanh.set_op_type("Tanh");
    tanh.set_name(name + ".tanh");
    tanh.add_input(at);
    at = name + ".tanh";
    tanh.add_output(at);
  }
  describe_tensor(*graph.add_input(), "deviations", layers.front().in);
  describe_tensor(*graph.add_output(), "reconstruction", layers.back().out);
  std::string bytes;
  model.SerializeToString(&bytes);
  return {bytes.begin(), bytes.end()};
}

}  // namespace lineside::training
