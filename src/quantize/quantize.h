#pragma once
// Static int8 quantization of an ONNX classifier: QuantizeLinear/DequantizeLinear pairs around every operator that has
// an integer kernel (QDQ form), int8 weights symmetric per output channel, uint8 activations whose zero point is 0
// after a ReLU, int32 biases. What follows the last Gemm (sigmoid, softmax) stays in float.
// Ranges are collected by running the float model on calibration tensors. Where the input is pixels scaled alike in all
// channels, the quantized model takes the pixels themselves: nobody turns bytes into floats for the model to turn back.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "bundle/manifest.h"
#include "model/preprocess_spec.h"

namespace lineside::inference {
class Session;
}  // namespace lineside::inference

namespace lineside::quantize {

enum class Calibration : std::uint8_t {
  min_max,     // the smallest and largest value seen
  percentile,  // the 99.99 % of values around the middle
  entropy,     // the clipping with the least Kullback-Leibler divergence (Migacz, GTC 2017)
};
const char* to_string(Calibration method);

// Each element: one input tensor (batch 1, flat, as the Preprocessor writes it).
using CalibrationSet = std::span<const std::vector<float>>;

// How a value becomes a byte: byte = round(value / scale) + zero_point, 0..255.
struct Scale {
  float scale = 1;
  std::uint8_t zero_point = 0;
};

// The scale at which the input's bytes are the pixels. Nothing if `spec` gives no floats, scales its channels
// differently, or has a zero that is no whole pixel value.
std::optional<Scale> byte_input_of(const PreprocessSpec& spec);

// Writes a float tensor into the session's first input, as bytes if the model takes those.
void set_input(inference::Session& session, std::span<const float> values, const std::optional<Scale>& bytes);

struct QuantizeOptions {
  Calibration method = Calibration::min_max;  // of quantize_static
  double percentile = 99.99;
  std::string library;              // libonnxruntime.so; empty: the system's
  std::optional<Scale> byte_input;  // if set, the quantized model's input is uint8
};

// Errors: model_unsupported (not fp32, or an operator it does not know), dataset_invalid (no calibration tensors, or of
// another size than the input), runtime_unavailable, inference_failed.
Result<std::vector<std::uint8_t>> quantize_static(std::span<const std::uint8_t> onnx, CalibrationSet calibration,
                                                  const QuantizeOptions& options);

// What the runtime makes of a quantized model on this CPU: its operators after optimization, and whether every
// convolution and Gemm runs on integers.
struct FusionReport {
  std::map<std::string, int> operators;  // type -> count in the optimized graph
  int integer_convolutions = 0, float_convolutions = 0;
  int integer_gemms = 0, float_gemms = 0;
  std::vector<std::string> not_fused;  // names of convolutions that stayed in float
  bool fused() const { return integer_convolutions > 0 && float_convolutions == 0; }
};
Result<FusionReport> check_fused(std::span<const std::uint8_t> int8_onnx, const std::string& library = {});

// Quantizes with each method, compares its outputs with those of the float model on the calibration tensors and keeps
// the one with the smallest mean difference.
struct QuantizedModel {
  std::vector<std::uint8_t> onnx;
  Calibration method = Calibration::min_max;
  bundle::Quantization kind = bundle::Quantization::int8_minmax;
  double error_mean = 0, error_max = 0;         // of the output, absolute
  std::map<std::string, double> error_mean_of;  // method -> mean difference, for the report
  FusionReport fusion;
};
Result<QuantizedModel> quantize_best(std::span<const std::uint8_t> onnx, CalibrationSet calibration,
                                     const QuantizeOptions& options = {},
                                     const std::function<void(const std::string&)>& progress = {});

}  // namespace lineside::quantize
