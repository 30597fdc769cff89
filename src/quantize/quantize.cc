#include "quantize/quantize.h"

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
                                        Calibration method, double percentile) {
  std::map<std::string, Scale> scales;
  for (const auto& value : plan.quantized) {
    const std::string& root = plan.root(value);
    // The input's range is the preprocessing's: nothing there is an outlier.
    const auto used = root == graph.input ? Calibration::min_max : method;
    scales[value] = make_scale(choose_range(statistics.at(root), used, percentile));
  }
  return to_bytes(rewrite(graph, plan, scales));
}

Result<std::vector<float>> all_outputs(std::span<const std::uint8_t> onnx, CalibrationSet inputs,
                                       const std::string& library) {
  LINESIDE_ASSIGN(const auto session, inference::Session::create(onnx, {.library = library}));
  std::vector<float> all;
  for (const auto& input : inputs) {
    std::ranges::copy(input, session->input_f32().begin());
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

const char* to_string(Calibration method) {
  static constexpr const char* kNames[] = {"minmax", "percentile", "entropy"};
  return kNames[static_cast<std::size_t>(method)];
}

Result<std::vector<std::uint8_t>> quantize_static(std::span<const std::uint8_t> onnx, CalibrationSet calibration,
                                                  const QuantizeOptions& options) {
  LINESIDE_ASSIGN(const Graph graph, load_graph(onnx));
  LINESIDE_ASSIGN(const Plan plan, make_plan(graph));
  LINESIDE_ASSIGN(const Statistics statistics, collect(graph, plan, calibration, options.library));
  return quantize_with(graph, plan, statistics, options.method, options.percentile);
}

Result<QuantizedModel> quantize_best(std::span<const std::uint8_t> onnx, CalibrationSet calibration,
                                     const std::string& library,
                                     const std::function<void(const std::string&)>& progress) {
  LINESIDE_ASSIGN(const Graph graph, load_graph(onnx));
  LINESIDE_ASSIGN(const Plan plan, make_plan(graph));
  LINESIDE_ASSIGN(const Statistics statistics, collect(graph, plan, calibration, library));
  LINESIDE_ASSIGN(const auto expected, all_outputs(onnx, calibration, library));
  QuantizedModel best;
  for (const auto method : {Calibration::min_max, Calibration::percentile, Calibration::entropy}) {
    auto bytes = quantize_with(graph, plan, statistics, method, QuantizeOptions{}.percentile);
    LINESIDE_ASSIGN(const auto found, all_outputs(bytes, calibration, library));
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
  LINESIDE_ASSIGN(best.fusion, check_fused(best.onnx, library));
  return best;
}

}  // namespace lineside::quantize
