#pragma once
// Tests only: small ONNX models written node by node.
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace lineside::inference {

// Adds nodes with random weights one behind the other, each to the newest value.
class TestModel {
 public:
  explicit TestModel(std::vector<std::int64_t> input_shape, unsigned seed = 1,
                     int element_type = onnx::TensorProto::FLOAT)
      : random_(seed) {
    model_.set_ir_version(8);
    model_.set_producer_name("lineside test");
    model_.add_opset_import()->set_version(17);
    graph().set_name("test");
    set_tensor(*graph().add_input(), "image", input_shape, element_type);
    last_ = "image";
  }

  TestModel& conv(int in, int out, int kernel, int stride) {
    onnx::NodeProto& node = add("Conv");
    node.add_input(weights({out, in, kernel, kernel}, std::sqrt(2.0F / static_cast<float>(in * kernel * kernel))));
    node.add_input(weights({out}, 0.1F));
    set_ints(node, "kernel_shape", {kernel, kernel});
    set_ints(node, "strides", {stride, stride});
    set_ints(node, "pads", {kernel / 2, kernel / 2, kernel / 2, kernel / 2});
    return *this;
  }
  TestModel& op(const std::string& type) {
    add(type);
    return *this;
  }
  TestModel& op(const std::string& type, const std::string& other) {
    add(type).add_input(other);
    return *this;
  }
  TestModel& max_pool() {
    onnx::NodeProto& node = add("MaxPool");
    set_ints(node, "kernel_shape", {2, 2});
    set_ints(node, "strides", {2, 2});
    return *this;
  }
  TestModel& gemm(int in, int out) {
    onnx::NodeProto& node = add("Gemm");
    node.add_input(weights({in, out}, std::sqrt(2.0F / static_cast<float>(in))));
    node.add_input(weights({out}, 0.1F));
    return *this;
  }
  // Name of the newest value, for op(type, other).
  const std::string& last() const { return last_; }

  std::vector<std::uint8_t> finish(std::vector<std::int64_t> output_shape) {
    set_tensor(*graph().add_output(), last_, output_shape, onnx::TensorProto::FLOAT);
    std::vector<std::uint8_t> bytes(model_.ByteSizeLong());
    model_.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

 private:
  static void set_tensor(onnx::ValueInfoProto& value, const std::string& name, const std::vector<std::int64_t>& shape,
                         int type) {
    value.set_name(name);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape();
    for (std::int64_t size : shape) {
      auto& dimension = *tensor.mutable_shape()->add_dim();
      if (size < 0)
        dimension.set_dim_param("n" + std::to_string(-size));
      else
        dimension.set_dim_value(size);
    }
  }
  static void set_ints(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (std::int64_t value : values) attribute.add_ints(value);
  }
  onnx::NodeProto& add(const std::string& type) {
    onnx::NodeProto& node = *graph().add_node();
    node.set_op_type(type);
    node.set_name(type + std::to_string(++count_));
    node.add_input(last_);
    last_ = node.name() + "_out";
    node.add_output(last_);
    return node;
  }
  std::string weights(std::vector<std::int64_t> shape, float deviation) {
    auto& tensor = *graph().add_initializer();
    tensor.set_name("w" + std::to_string(++count_));
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    std::int64_t size = 1;
    for (std::int64_t dimension : shape) {
      tensor.add_dims(dimension);
      size *= dimension;
    }
    std::normal_distribution<float> normal(0, deviation);
    for (std::int64_t i = 0; i < size; ++i) tensor.add_float_data(normal(random_));
    return tensor.name();
  }

  onnx::ModelProto model_;
  std::mt19937 random_;
  std::string last_;
  int count_ = 0;
};

// A dense 3x3 network like those that lineside-train makes: stem, four stages of which each halves the picture, a
// residual addition, pooling, one logit, sigmoid.
inline std::vector<std::uint8_t> make_dense_net(int size, int width, unsigned seed = 1) {
  TestModel model({1, 3, size, size}, seed);
  model.conv(3, width, 3, 2).op("Relu").conv(width, width * 2, 3, 2).op("Relu");
  const std::string shortcut = model.last();
  model.conv(width * 2, width * 2, 3, 1).op("Relu").conv(width * 2, width * 2, 3, 1).op("Add", shortcut).op("Relu");
  model.conv(width * 2, width * 4, 3, 2).op("Relu").max_pool().conv(width * 4, width * 4, 3, 1).op("Relu");
  model.op("GlobalAveragePool").op("Flatten").gemm(width * 4, 1).op("Sigmoid");
  return model.finish({1, 1});
}

}  // namespace lineside::inference
