#include "gateway/condition/outliers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <limits>

#include "condition/linear.h"
#include "condition/recording.h"

namespace lineside::gateway {
namespace {

constexpr double kLimit = 8, kChangeLimit = 5, kFloor = 0.15, kMadToSigma = 1.4826;
constexpr std::array kMeasures{"level", "peaks", "impulsiveness"};

using Measures = std::array<double, 3>;

// NaN where there are no samples.
Measures measure(const std::vector<float>& values) {
  double n = 0, mean = 0, m2 = 0, m4 = 0, peak = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    ++n;
    mean += (value - mean) / n;
  }
  if (n == 0) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    return {kNone, kNone, kNone};
  }
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const double d = value - mean;
    m2 += d * d / n, m4 += d * d * d * d / n;
    peak = std::max(peak, std::abs(d));
  }
  m2 = std::max(m2, 1e-30);
  return {0.5 * std::log(m2), std::log(std::max(peak, 1e-15) / std::sqrt(m2)),
          std::log(std::max(m4, 1e-60) / (m2 * m2))};
}

// Of those that are numbers.
double median(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  return values.empty() ? 0 : condition::quantile(values, 0.5);
}

void judge(const std::vector<double>& values, const std::string& channel, std::size_t kind, std::vector<bool>& differs,
           Outliers& found) {
  const double middle = median(values);
  std::vector<double> off;
  for (const double value : values) off.push_back(std::abs(value - middle));
  const double sigma = std::max(kFloor, kMadToSigma * median(off));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(off[i] > kLimit * sigma)) continue;
    differs[i] = true;
    if (found.first_reason.empty())
      found.first_reason =
          std::format("{}: {} {:.2g} times the usual", channel, kMeasures[kind], std::exp(values[i] - middle));
  }
  const std::size_t third = values.size() / 3;
  if (kind == 0 || third < 3) return;
  const auto part = static_cast<std::ptrdiff_t>(third);
  const double first = median({values.begin(), values.begin() + part}),
               last = median({values.end() - part, values.end()});
  if (std::abs(last - first) > kChangeLimit * kFloor && found.change.empty())
    found.change = std::format("{}: {} changed {:.2g} times while it was recorded", channel, kMeasures[kind],
                               std::exp(last - first));
}

}  // namespace

Result<Outliers> find_outliers(std::span<const std::filesystem::path> recordings, const std::function<bool()>& stop) {
  std::vector<std::vector<Measures>> measures;  // by channel
  std::vector<std::string> names;
  Outliers found;
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    if (stop()) return fail(ErrorCode::cancelled, "stopping");
    const auto recording = condition::read_recording(recordings[i], {});
    if (!recording) {
      if (found.unreadable.empty()) found.first_error = recording.error().message;
      found.unreadable.push_back(i);
      continue;
    }
    names = recording->names;
    measures.resize(std::max(measures.size(), recording->channels.size()));
    for (std::size_t c = 0; c < recording->channels.size(); ++c) measures[c].push_back(measure(recording->channels[c]));
  }
  if (!found.unreadable.empty()) return found;
  std::vector<bool> differs(recordings.size(), false);
  for (std::size_t c = 0; c < measures.size(); ++c) {
    if (measures[c].size() != recordings.size()) continue;
    for (std::size_t kind = 0; kind < kMeasures.size(); ++kind) {
      std::vector<double> values;
      for (const auto& one : measures[c]) values.push_back(one[kind]);
      judge(values, names[c], kind, differs, found);
    }
  }
  for (std::size_t i = 0; i < differs.size(); ++i)
    if (differs[i]) found.outliers.push_back(i);
  return found;
}

}  // namespace lineside::gateway
