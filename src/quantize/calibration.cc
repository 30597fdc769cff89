#include "quantize/calibration.h"

#include <cmath>
#include <format>
#include <numeric>

#include "inference/session.h"

namespace lineside::quantize {
namespace {

// The float model with all values of the plan as outputs.
Result<std::unique_ptr<inference::Session>> make_probe(const Graph& graph, const Plan& plan,
                                                       const std::string& library) {
  onnx::ModelProto model = graph.model;
  for (const auto& value : plan.quantized) {
    if (value == graph.input || graph.outputs.contains(value)) continue;
    auto& output = *model.mutable_graph()->add_output();
    output.set_name(value);
    output.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  }
  return inference::Session::create(to_bytes(model), {.library = library});
}

using Visit = std::function<void(const std::string& name, std::span<const float> values)>;

Result<void> run_all(const Graph& graph, const Plan& plan, CalibrationSet calibration, inference::Session& session,
                     const Visit& visit) {
  const std::set<std::string> wanted(plan.quantized.begin(), plan.quantized.end());
  for (const auto& tensor : calibration) {
    if (tensor.size() != graph.input_elements)
      return fail(ErrorCode::dataset_invalid, std::format("a calibration tensor has {} elements, the model takes {}",
                                                          tensor.size(), graph.input_elements));
    std::ranges::copy(tensor, session.input_f32().begin());
    LINESIDE_TRY(session.run());
    visit(graph.input, tensor);
    for (std::size_t i = 0; i < session.outputs().size(); ++i)
      if (wanted.contains(session.outputs()[i].name)) visit(session.outputs()[i].name, session.output_f32(i));
  }
  return {};
}

int bin_of(const Histogram& histogram, float value) {
  const float width = (histogram.max - histogram.min) / Histogram::kBins;
  if (!(width > 0)) return 0;
  return std::clamp(static_cast<int>((value - histogram.min) / width), 0, Histogram::kBins - 1);
}

// The shares of `count` are cut off on both sides, or only above for values that are never negative.
Range percentile_range(const Histogram& histogram, double percentile) {
  const double total = static_cast<double>(std::accumulate(histogram.bins.begin(), histogram.bins.end(), 0ULL));
  const double tail = total * (100.0 - percentile) / 100.0 / (histogram.min < 0 ? 2 : 1);
  const float width = (histogram.max - histogram.min) / Histogram::kBins;
  double below = 0, above = 0;
  int low = 0, high = Histogram::kBins;
  while (histogram.min < 0 && low < Histogram::kBins &&
         (below += static_cast<double>(histogram.bins[static_cast<std::size_t>(low)])) <= tail)
    ++low;
  while (high > low + 1 && (above += static_cast<double>(histogram.bins[static_cast<std::size_t>(high - 1)])) <= tail)
    --high;
  return {std::min(0.0F, histogram.min + width * static_cast<float>(low)),
          std::max(0.0F, histogram.min + width * static_cast<float>(high))};
}

// How many of the values lie how far from zero.
std::vector<double> distances(const Histogram& histogram, float& reach) {
  reach = std::max(-histogram.min, histogram.max);
  std::vector<double> bins(Histogram::kBins, 0.0);
  const float width = (histogram.max - histogram.min) / Histogram::kBins;
  for (int i = 0; i < Histogram::kBins; ++i) {
    const float middle = std::abs(histogram.min + width * (static_cast<float>(i) + 0.5F));
    const int to = std::min(Histogram::kBins - 1, static_cast<int>(middle / reach * Histogram::kBins));
    bins[static_cast<std::size_t>(to)] += static_cast<double>(histogram.bins[static_cast<std::size_t>(i)]);
  }
  return bins;
}

// Kullback-Leibler divergence between the first `count` bins (all beyond put into the last) and the same in `levels`
// steps.
double divergence(const std::vector<double>& bins, int count, int levels) {
  const auto size = static_cast<std::size_t>(count);
  std::vector<double> reference(bins.begin(), bins.begin() + count), coarse(size, 0.0);
  reference.back() += std::accumulate(bins.begin() + count, bins.end(), 0.0);
  double sum = 0, coarse_sum = 0;
  for (int level = 0; level < levels; ++level) {
    const auto from = static_cast<std::size_t>(level * count / levels);
    const auto to = static_cast<std::size_t>((level + 1) * count / levels);
    double inside = 0;
    int filled = 0;
    for (std::size_t i = from; i < to; ++i) {
      inside += bins[i];
      filled += reference[i] > 0;
    }
    for (std::size_t i = from; i < to; ++i)
      if (reference[i] > 0) coarse[i] = inside / filled;
  }
  for (std::size_t i = 0; i < size; ++i) {
    sum += reference[i];
    coarse_sum += coarse[i];
  }
  if (sum <= 0 || coarse_sum <= 0) return 1e30;
  double result = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (reference[i] <= 0) continue;
    result += reference[i] / sum * std::log((reference[i] / sum) / std::max(coarse[i] / coarse_sum, 1e-12));
  }
  return result;
}

Range entropy_range(const Histogram& histogram) {
  constexpr int kStep = 16;
  const int levels = histogram.min < 0 ? 128 : 256;
  float reach = 0;
  auto bins = distances(histogram, reach);
  bins[0] = bins[1];  // after a ReLU most values are exactly 0, whatever the scale: they say nothing
  int best = Histogram::kBins;
  double least = divergence(bins, best, levels);
  for (int count = levels; count < Histogram::kBins; count += kStep) {
    const double found = divergence(bins, count, levels);
    if (found < least) least = found, best = count;
  }
  const float limit = reach * static_cast<float>(best) / Histogram::kBins;
  return {std::max(histogram.min, -limit), std::min(histogram.max, limit)};
}

}  // namespace

Result<Statistics> collect(const Graph& graph, const Plan& plan, CalibrationSet calibration,
                           const std::string& library) {
  if (calibration.empty())
    return fail(ErrorCode::dataset_invalid, "no calibration pictures: int8 quantization needs some to find its ranges");
  LINESIDE_ASSIGN(const auto session, make_probe(graph, plan, library));
  Statistics statistics;
  LINESIDE_TRY(run_all(graph, plan, calibration, *session, [&](const auto& name, std::span<const float> values) {
    auto& seen = statistics[name];
    const auto [low, high] = std::ranges::minmax(values);
    seen.min = std::min(seen.min, low);
    seen.max = std::max(seen.max, high);
  }));
  for (auto& [name, seen] : statistics) {
    if (!std::isfinite(seen.min) || !std::isfinite(seen.max))
      return fail(ErrorCode::model_unsupported, std::format("value '{}' of the model becomes infinite or NaN", name));
    seen.bins.assign(Histogram::kBins, 0);
  }
  LINESIDE_TRY(run_all(graph, plan, calibration, *session, [&](const auto& name, std::span<const float> values) {
    auto& seen = statistics[name];
    for (float value : values) ++seen.bins[static_cast<std::size_t>(bin_of(seen, value))];
  }));
  return statistics;
}

Range choose_range(const Histogram& histogram, Calibration method, double percentile) {
  if (histogram.max <= histogram.min) return {histogram.min, histogram.max};
  switch (method) {
    case Calibration::percentile:
      return percentile_range(histogram, percentile);
    case Calibration::entropy:
      return entropy_range(histogram);
    case Calibration::min_max:
      break;
  }
  return {histogram.min, histogram.max};
}

}  // namespace lineside::quantize
