#include "quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "inference/session.h"
#include "quantize/calibration.h"
#include "quantize/graph.h"
#include "quantize/plan.h"
#include "quantize/rewrite.h"

namespace lineside::quantize {
namespace {

std::vector<std::uint8_t> quantize_with(const Graph& graph, const Plan& plan, const Statistics& statistics,
                                        Calibration method, const QuantizeOptions& options) {
  std::map<std::string, Scale> scales;
  for (const auto& value : plan.quantized) {
    const std::string& root = plan.root(value);
    // The input's range is the preprocessing's: nothing there is an outlier.
    const auto used = root == graph.input ? Calibration::min_max : method;
    scales[value] = make_scale(choose_range(statistics.at(root), used, options.percentile));
  }
  if (options.byte_input) scales[graph.input] = *options.byte_input;
  return to_bytes(rewrite(graph, plan, scales, options.byte_input.has_value()));
}

Result<std::vector<float>> all_outputs(std::span<const std::uint8_t> onnx, CalibrationSet inputs,
                                       const std::string& library, const std::optional<Scale>& bytes) {
  LINESIDE_ASSIGN(const auto session, inference::Session::create(onnx, {.library = library}));
  std::vector<float> all;
  for (const auto& input : inputs) {
    set_input(*session, input, bytes);
    LINESIDE_TRY(session->run());
    const auto output = session->output_f32();
    all.insert(all.end(), output.begin(), output.end());
  }
  return all;
}

void measure(const std::vector<float>& expected, const std::vector<float>& found, double& mean, double& largest) {
  mean = largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(static_cast<double>(expected[i]) - static_cast<double>(found[i]));
    mean += error / static_cast<double>(expected.size());
    largest = std::max(largest, error);
  }
}

bundle::Quantization kind_of(Calibration method) {
  switch (method) {
    case Calibration::percentile:
      return bundle::Quantization::int8_percentile;
    case Calibration::entropy:
      return bundle::Quantization::int8_entropy;
    case Calibration::min_max:
      break;
  }
  return bundle::Quantization::int8_minmax;
}

}  // namespace

std::optional<Scale> byte_input_of(const PreprocessSpec& spec) {
  constexpr float kPixelShare = 0.01F;  // that a zero may lie beside a whole pixel value
  if (spec.type != PreprocessSpec::Type::f32) return std::nullopt;
  for (std::size_t c = 1; c < static_cast<std::size_t>(channels_of(spec)); ++c)
    if (spec.mean[c] != spec.mean[0] || spec.scale[c] != spec.scale[0]) return std::nullopt;
  const float zero = std::nearbyint(spec.mean[0] * 255);
  if (std::abs(spec.mean[0] * 255 - zero) > kPixelShare || zero < 0 || zero > 255 || spec.scale[0] <= 0)
    return std::nullopt;
  return Scale{.scale = spec.scale[0] / 255, .zero_point = static_cast<std::uint8_t>(zero)};
}

void set_input(inference::Session& session, std::span<const float> values, const std::optional<Scale>& bytes) {
  if (!bytes) {
    std::ranges::copy(values, session.input_f32().begin());
    return;
  }
  std::ranges::transform(values, session.input_u8().begin(), [&](float value) {
    return static_cast<std::uint8_t>(
        std::clamp(std::nearbyint(value / bytes->scale) + static_cast<float>(bytes->zero_point), 0.0F, 255.0F));
  });
}

const char* to_string(Calibration method) {
  static constexpr const char* kNames[] = {"minmax", "percentile", "entropy"};
  return kNames[static_cast<std::size_t>(method)];
}

Result<std::vector<std::uint8_t>> quantize_static(std::span<const std::uint8_t> onnx, CalibrationSet calibration,
                                                  const QuantizeOptions& options) {
  LINESIDE_ASSIGN(const Graph graph, load_graph(onnx));
  LINESIDE_ASSIGN(const Plan plan, make_plan(graph));
  LINESIDE_ASSIGN(const Statistics statistics, collect(graph, plan, calibration, options.library));
  return quantize_with(graph, plan, statistics, options.method, options);
}

Result<QuantizedModel> quantize_best(std::span<const std::uint8_t> onnx, CalibrationSet calibration,
                                     const QuantizeOptions& options,
                                     const std::function<void(const std::string&)>& progress) {
  LINESIDE_ASSIGN(const Graph graph, load_graph(onnx));
  LINESIDE_ASSIGN(const Plan plan, make_plan(graph));
  LINESIDE_ASSIGN(const Statistics statistics, collect(graph, plan, calibration, options.library));
  LINESIDE_ASSIGN(const auto expected, all_outputs(onnx, calibration, options.library, std::nullopt));
  QuantizedModel best;
  for (const auto method : {Calibration::min_max, Calibration::percentile, Calibration::entropy}) {
    auto bytes = quantize_with(graph, plan, statistics, method, options);
    LINESIDE_ASSIGN(const auto found, all_outputs(bytes, calibration, options.library, options.byte_input));
    double mean = 0, largest = 0;
    measure(expected, found, mean, largest);
    best.error_mean_of[to_string(method)] = mean;
    if (progress)
      progress(std::format("int8 {}: mean difference {:.5f}, largest {:.5f}", to_string(method), mean, largest));
    if (!best.onnx.empty() && mean >= best.error_mean) continue;
    best.onnx = std::move(bytes);
    best.method = method;
    best.kind = kind_of(method);
    best.error_mean = mean;
    best.error_max = largest;
  }
  LINESIDE_ASSIGN(best.fusion, check_fused(best.onnx, options.library));
  return best;
}

}  // namespace lineside::quantize
