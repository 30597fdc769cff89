#include "training/pack.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <optional>

#include "inference/session.h"
#include "quantize/quantize.h"
#include "training/onnx_export.h"

namespace lineside::training {
namespace {

constexpr double kOnnxErrorMax = 0.002, kInt8ErrorMeanMax = 0.03, kFlippedShareMax = 0.02;

using Inputs = std::vector<std::vector<float>>;

Result<std::vector<double>> trained_scores(const PackInput& input) {
  std::vector<double> logits(input.parity_inputs.size());
  for (const Network* member : input.members) {
    LINESIDE_ASSIGN(const auto outputs, member->run(input.parity_inputs));
    const std::size_t stride = outputs.size() / logits.size();
    for (std::size_t i = 0; i < logits.size(); ++i)
      logits[i] += outputs[i * stride] / static_cast<double>(input.members.size());
  }
  for (double& logit : logits) logit = input.calibration.apply(logit);
  return logits;
}

Result<std::vector<double>> onnx_scores(std::span<const std::uint8_t> onnx, const Inputs& inputs,
                                        const std::optional<quantize::Scale>& bytes = {}) {
  LINESIDE_ASSIGN(const auto session, inference::Session::create(onnx, {}));
  LINESIDE_TRY(session->warm_up(1));
  std::vector<double> scores;
  for (const auto& input : inputs) {
    quantize::set_input(*session, input, bytes);
    LINESIDE_TRY(session->run());
    scores.push_back(1 - static_cast<double>(session->output_f32()[0]));
  }
  return scores;
}

struct Difference {
  double max = 0, mean = 0;
  std::uint64_t flipped = 0;
};

Difference compare(const std::vector<double>& a, const std::vector<double>& b, double threshold) {
  Difference result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    result.max = std::max(result.max, difference);
    result.mean += difference / static_cast<double>(a.size());
    result.flipped += (a[i] >= threshold) != (b[i] >= threshold) ? 1 : 0;
  }
  return result;
}

Result<Packed> pack_int8(const Packed& fp32, const std::vector<double>& fp32_scores, const PackInput& input,
                         const std::function<void(const std::string&)>& say) {
  const auto bytes = quantize::byte_input_of(input.preprocess);
  LINESIDE_ASSIGN(auto quantized,
                  quantize::quantize_best(fp32.onnx, input.calibration_inputs, {.byte_input = bytes}, say));
  if (!quantized.fusion.fused())
    return fail(
        ErrorCode::parity_failed,
        std::format("{} of {} convolutions of the int8 model stayed in float", quantized.fusion.float_convolutions,
                    quantized.fusion.float_convolutions + quantized.fusion.integer_convolutions));
  LINESIDE_ASSIGN(const auto scores, onnx_scores(quantized.onnx, input.parity_inputs, bytes));
  const Difference difference = compare(fp32_scores, scores, input.threshold);
  const auto flips_max =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(kFlippedShareMax * static_cast<double>(scores.size())));
  if (difference.mean > kInt8ErrorMeanMax || difference.flipped > flips_max)
    return fail(
        ErrorCode::parity_failed,
        std::format("int8 differs from fp32 by {:.3f} on average (at most {}) and flips {} of {} verdicts (at most {})",
                    difference.mean, kInt8ErrorMeanMax, difference.flipped, scores.size(), flips_max));
  Packed result{.onnx = std::move(quantized.onnx),
                .input = bytes ? PreprocessSpec::Type::u8 : PreprocessSpec::Type::f32,
                .quantization = quantized.kind,
                .parity = fp32.parity};
  result.parity.int8_error_max = difference.max;
  result.parity.int8_error_mean = difference.mean;
  result.parity.flipped += difference.flipped;
  return result;
}

}  // namespace

Result<Packed> pack(const PackInput& input, const std::function<void(const std::string&)>& say) {
  std::vector<FoldedNetwork> members;
  for (const Network* member : input.members) members.push_back(member->folded());
  Packed fp32;
  LINESIDE_ASSIGN(fp32.onnx, export_onnx(members, input.calibration));
  LINESIDE_ASSIGN(const auto trained, trained_scores(input));
  LINESIDE_ASSIGN(const auto exported, onnx_scores(fp32.onnx, input.parity_inputs));
  const Difference difference = compare(trained, exported, input.threshold);
  fp32.parity = {.onnx_error_max = difference.max, .flipped = difference.flipped, .compared = exported.size()};
  if (difference.max > kOnnxErrorMax)
    return fail(ErrorCode::parity_failed,
                std::format("the exported ONNX model differs from the trained one by {:.4f} in a score (at most {})",
                            difference.max, kOnnxErrorMax));
  if (input.precision == Precision::fp32) return fp32;
  auto int8 = pack_int8(fp32, exported, input, say);
  if (int8 || input.precision == Precision::int8 || int8.error().code != ErrorCode::parity_failed) return int8;
  say(std::format("int8 did not pass the gate, so the bundle holds fp32: {}", int8.error().message));
  return fp32;
}

}  // namespace lineside::training
