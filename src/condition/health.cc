#include "condition/health.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <vector>

#include "condition/linear.h"
#include "condition/statistics.h"

namespace lineside::condition {
namespace {

constexpr double kMissingMax = 0.01, kFlatShare = 0.1, kNoSignal = 0.05, kClippedShare = 0.005;
constexpr double kGainLog = 1.386;  // ln 4
constexpr double kStepMemoryRows = 5, kJump = 60, kGainLevelMin = 8, kGainLevelMax = 12.5, kGainNoiseMin = 4;

struct Runs {
  std::size_t run = 0, longest = 0, at_limit = 0;
};

// Samples equal to the one before, from `first` on.
void count_runs(std::span<const float> window, std::size_t first, std::size_t end, float low, float high, Runs& runs) {
  for (std::size_t i = first; i < end; ++i) {
    runs.run = i > 0 && window[i] == window[i - 1] ? runs.run + 1 : 1;
    runs.longest = std::max(runs.longest, runs.run);
    if ((window[i] == low || window[i] == high) && runs.run >= 3) runs.at_limit += runs.run == 3 ? 3 : 1;
  }
}

// Most blocks of a healthy sensor have no equal neighbours at all, which is quickly seen.
Runs runs_of(std::span<const float> window, float low, float high) {
  constexpr std::size_t kBlock = 64;
  Runs runs;
  for (std::size_t first = 0; first < window.size(); first += kBlock) {
    const std::size_t end = std::min(window.size(), first + kBlock);
    if (first > 0 && end - first == kBlock && !has_equal_neighbours(window.subspan(first - 1, kBlock + 1)))
      runs.run = 1, runs.longest = std::max<std::size_t>(runs.longest, 1);
    else
      count_runs(window, first, end, low, high, runs);
  }
  return runs;
}

// Of the finite samples only.
WindowHealth measure_with_gaps(std::span<const float> window) {
  std::vector<float> there;
  there.reserve(window.size());
  std::ranges::copy_if(window, std::back_inserter(there), [](float value) { return std::isfinite(value); });
  WindowHealth health;
  const auto n = static_cast<double>(window.size());
  health.missing_share = window.empty() ? 1 : 1 - static_cast<double>(there.size()) / n;
  if (there.empty()) return health;
  const Extent extent = extent_of(there);
  const Runs runs = runs_of(window, extent.low, extent.high);
  health.rms = std::sqrt(central_moments(there).second);
  health.same_run = static_cast<double>(runs.longest);
  health.at_limit_share = static_cast<double>(runs.at_limit) / n;
  return health;
}

}  // namespace

WindowHealth measure_health(std::span<const float> window) {
  const Extent extent = extent_of(window);
  if (window.empty() || !extent.finite) return measure_with_gaps(window);
  const Runs runs = runs_of(window, extent.low, extent.high);
  return {.rms = std::sqrt(central_moments(window).second),
          .same_run = static_cast<double>(runs.longest),
          .at_limit_share = static_cast<double>(runs.at_limit) / static_cast<double>(window.size())};
}

std::optional<std::string> sensor_fault(const ChannelHealth& normal, const WindowHealth& window, std::size_t samples) {
  if (window.missing_share > kMissingMax) return std::format("{:.0f} % missing", 100 * window.missing_share);
  if (window.rms == 0 || window.same_run > std::max(kFlatShare * static_cast<double>(samples), 3 * normal.same_run_max))
    return "flat";
  if (window.at_limit_share > std::max(kClippedShare, 3 * normal.at_limit_share_max)) return "clipped";
  if (window.rms < kNoSignal * normal.rms_min) return "no signal";
  return std::nullopt;
}

std::optional<std::string> gain_fault(std::span<const FeatureInfo> features, std::string_view channel,
                                      std::span<const double> shift) {
  std::vector<double> bands;
  double shape = 0;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (features[i].channel != channel) continue;
    if (features[i].role == Role::band) bands.push_back(shift[i]);
    if (features[i].role == Role::impulse) shape = std::max(shape, std::abs(shift[i]));
  }
  if (bands.empty()) return std::nullopt;
  const double middle = quantile(bands, 0.5);
  for (double& value : bands) value = std::abs(value - middle);
  // Narrow bands scatter from window to window, so most of them decide.
  const double spread = quantile(bands, 0.8);
  if (std::abs(middle) < kGainLog || spread > 0.25 * std::abs(middle) || shape > 0.3) return std::nullopt;
  return std::format("gain changed {:.2g} times", std::exp(middle));
}

std::optional<std::string> clock_fault(std::span<const double> times, double rate_hz, std::size_t first,
                                       std::size_t count) {
  constexpr double kTolerance = 0.02;
  const std::size_t from = count > 1 || first == 0 ? first : first - 1;
  if (first + count > times.size()) return std::nullopt;
  for (std::size_t i = from + 1; i < first + count; ++i)
    if (times[i] < times[i - 1]) return "time goes backwards";
  if (count < 3) return std::nullopt;
  const double took = times[first + count - 1] - times[first], said = static_cast<double>(count - 1) / rate_hz;
  if (!std::isfinite(took) || took <= 0) return std::nullopt;
  // Times may count samples, or be in thousandths of seconds and smaller.
  for (const double unit : {1.0, 1e3, 1e6, 1e9, rate_hz})
    if (std::abs(took / (said * unit) - 1) <= kTolerance) return std::nullopt;
  for (const double unit : {1.0, 1e3, 1e6, 1e9})
    if (took / (said * unit) > 0.1 && took / (said * unit) < 10)
      return std::format("{} samples took {:.3g} times as long as the rate says", count, took / (said * unit));
  return std::nullopt;
}

ChannelHealth learn_row_health(std::span<const float> values) {
  ChannelHealth health;
  std::vector<double> finite, steps;
  double run = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    finite.push_back(values[i]);
    run = i > 0 && values[i] == values[i - 1] ? run + 1 : 1;
    health.same_run_max = std::max(health.same_run_max, run);
    if (i > 0 && std::isfinite(values[i - 1])) steps.push_back(std::abs(values[i] - values[i - 1]));
  }
  health.median = quantile(finite, 0.5);
  double squares = 0;
  for (const double step : steps) squares += step * step;
  health.step_rms = steps.empty() ? 0 : std::sqrt(squares / static_cast<double>(steps.size()));
  return health;
}

std::optional<std::string> RowHealth::next(float value) {
  if (!std::isfinite(value)) return "missing";
  const double step = first_ ? 0 : value - last_;
  run_ = !first_ && value == last_ ? run_ + 1 : 1;
  // A jump is no noise: left out, so that the noise before and after it can be compared.
  if (step_power_ < 0) step_power_ = normal_.step_rms * normal_.step_rms;
  if (!first_ && std::abs(step) < kJump * normal_.step_rms)
    step_power_ += (step * step - step_power_) / kStepMemoryRows;
  last_ = value, first_ = false;
  if (run_ > std::max(20.0, 4 * normal_.same_run_max)) return "stuck";
  // Only for a channel whose level is far from zero: there a factor can be told from an offset.
  const double scale = std::abs(normal_.median);
  if (normal_.step_rms <= 0 || scale < 20 * normal_.step_rms) return std::nullopt;
  const double level = std::abs(value) / scale, noise = std::sqrt(step_power_) / normal_.step_rms;
  const auto is_tenfold = [](double level_ratio, double noise_ratio) {
    return level_ratio > kGainLevelMin && level_ratio < kGainLevelMax && noise_ratio > kGainNoiseMin;
  };
  if (is_tenfold(level, noise) || (level > 0 && noise > 0 && is_tenfold(1 / level, 1 / noise)))
    return std::format("gain changed {:.2g} times", level);
  return std::nullopt;
}

}  // namespace lineside::condition
