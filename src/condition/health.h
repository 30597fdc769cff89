#pragma once
// Whether a sensor can be believed. What these checks find is a sensor's fault and raises no machine alarm.
#include <optional>
#include <span>
#include <string>

#include "condition/model.h"

namespace lineside::condition {

// Figures of one window of one channel that the checks compare with those of normal data.
struct WindowHealth {
  double rms = 0;             // mean removed
  double missing_share = 0;   // NaN or infinite
  double same_run = 0;        // longest run of equal samples
  double at_limit_share = 0;  // samples in runs of 3 and more at the largest or smallest value
};
WindowHealth measure_health(std::span<const float> window);

// Why this window of a channel can't be believed: "no samples", "flat", "clipped", "no signal" ...; nothing if it can.
std::optional<std::string> sensor_fault(const ChannelHealth& normal, const WindowHealth& window, std::size_t samples);

// A gain that changed: all bands of one channel moved by the same factor of 4 and more, while the signal's shape did
// not change. `z_spread` is each feature's spread, `shift` its distance from normal in its own unit (log amplitude).
std::optional<std::string> gain_fault(std::span<const FeatureInfo> features, std::string_view channel,
                                      std::span<const double> shift);

// What the times of `count` samples from `first` on say: "time goes backwards", or that they took another time than the
// rate says, by more than 2 % (gap, wrong rate, a clock that drifts). Nothing without times.
std::optional<std::string> clock_fault(std::span<const double> times, double rate_hz, std::size_t first,
                                       std::size_t count);

// Telemetry: watches a channel row by row for missing values, a value that does not move any more, and a gain that
// changed (level and noise both tenfold or a tenth).
class RowHealth {
 public:
  explicit RowHealth(const ChannelHealth& normal) : normal_(normal) {}
  std::optional<std::string> next(float value);

 private:
  ChannelHealth normal_;
  float last_ = 0;
  double run_ = 0, step_power_ = -1;
  bool first_ = true;
};

ChannelHealth learn_row_health(std::span<const float> values);

}  // namespace lineside::condition
