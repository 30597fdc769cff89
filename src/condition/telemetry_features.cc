#include <algorithm>
#include <cmath>

#include "condition/features.h"

namespace lineside::condition {
namespace {

constexpr double kRidge = 0.1, kDeviationMax = 1000, kRegressorMax = 2;

void follow(double& average, double value, double rows) { average += (value - average) / rows; }

std::vector<double> finite(std::span<const Recording> recordings, std::size_t channel) {
  std::vector<double> values;
  for (const Recording& recording : recordings)
    for (const float value : recording.channels[channel])
      if (std::isfinite(value)) values.push_back(value);
  return values;
}

double deviation(std::span<const double> values, double center) {
  double sum = 0;
  for (const double value : values) sum += (value - center) * (value - center);
  return values.empty() ? 0 : std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace

TelemetryFront learn_telemetry(std::span<const Recording> recordings) {
  TelemetryFront front;
  const std::size_t count = recordings.front().channels.size();
  for (std::size_t c = 0; c < count; ++c) {
    const std::vector<double> values = finite(recordings, c);
    front.center.push_back(quantile(values, 0.5));
    front.scale.push_back(std::max(deviation(values, front.center.back()), 1e-9));
  }
  Matrix correlation(count, count);
  std::size_t rows = 0;
  std::vector<double> z(count);
  for (const Recording& recording : recordings)
    for (std::size_t i = 0; i < recording.samples(); ++i) {
      bool whole = true;
      for (std::size_t c = 0; c < count; ++c) {
        z[c] = (recording.channels[c][i] - front.center[c]) / front.scale[c];
        whole = whole && std::isfinite(z[c]);
      }
      if (!whole) continue;
      ++rows;
      for (std::size_t a = 0; a < count; ++a)
        for (std::size_t b = 0; b < count; ++b) correlation.at(a, b) += z[a] * z[b];
    }
  for (double& value : correlation.values) value /= static_cast<double>(std::max<std::size_t>(rows, 1));
  for (std::size_t c = 0; c < count; ++c) correlation.at(c, c) += kRidge;
  front.residual = symmetric_inverse(correlation);
  for (std::size_t a = 0; a < count; ++a) {
    const double own = front.residual.at(a, a);
    for (std::size_t b = 0; b < count; ++b) front.residual.at(a, b) /= own;
  }
  return front;
}

std::vector<FeatureInfo> telemetry_features(std::span<const std::string> channels) {
  std::vector<FeatureInfo> features;
  for (const std::string& channel : channels) {
    features.push_back({.channel = channel, .name = "level", .role = Role::level, .spread_floor = 0.02});
    if (channels.size() > 1)
      features.push_back(
          {.channel = channel, .name = "against the other channels", .role = Role::other, .spread_floor = 0.02});
  }
  return features;
}

TelemetryExtractor::TelemetryExtractor(const TelemetryFront& front)
    : front_(front), level_(front.center.size(), 0.0), residual_(front.center.size(), 0.0) {}

std::vector<float> TelemetryExtractor::extract(std::span<const float> row) {
  const std::size_t count = row.size();
  std::vector<double> z(count);
  const bool whole = std::ranges::all_of(row, [](float value) { return std::isfinite(value); });
  for (std::size_t c = 0; whole && c < count; ++c)
    z[c] = std::clamp((row[c] - front_.center[c]) / front_.scale[c], -kDeviationMax, kDeviationMax);
  std::vector<double> regressors(count);
  std::ranges::transform(z, regressors.begin(), [](double v) { return std::clamp(v, -kRegressorMax, kRegressorMax); });
  std::vector<float> out;
  for (std::size_t c = 0; c < count; ++c) {
    if (whole) {
      follow(level_[c], z[c], front_.level_rows);
      follow(residual_[c], dot(front_.residual.row(c), regressors) + z[c] - regressors[c], front_.level_rows);
    }
    out.push_back(static_cast<float>(level_[c]));
    if (count > 1) out.push_back(static_cast<float>(residual_[c]));
  }
  return out;
}

}  // namespace lineside::condition
