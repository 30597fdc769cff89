#pragma once
// What an anomaly's event says: a sentence for people, and the figures behind it.
#include <map>
#include <optional>
#include <string>

#include "condition/scorer.h"
#include "config/asset_settings.h"
#include "gateway/condition/anomaly_alarm.h"
#include "gateway/condition/trend.h"

namespace lineside::gateway {

struct EvidenceInput {
  const condition::WindowScore& score;
  const AnomalyAlarm& alarm;
  const config::AssetSettings& settings;
  std::string model;
  WallTime start{};
  MonoTime now{};
  std::optional<Trend::Line> ratio, velocity;
};

std::string anomaly_message(const EvidenceInput& input, bool worse);
// Keys: score, threshold, times_threshold, state, windows, since_s, window_start, model, contributors, channels,
// feature1 .., pattern, pattern_share, sign1 .., velocity_mm_s, iso_zone, trend, velocity_trend; only those that are
// known.
std::map<std::string, std::string> anomaly_evidence(const EvidenceInput& input);

}  // namespace lineside::gateway
