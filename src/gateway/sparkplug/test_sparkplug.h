#pragma once
// Tests only: settings of a small plant, and how its readings look.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "config/sparkplug_settings.h"
#include "config/tag_settings.h"
#include "model/sample.h"

namespace lineside::gateway::testing {

// Sources "boiler" (tags t and p) and "pump" (tag n).
inline config::TelemetrySettings small_plant() {
  config::TelemetrySettings plant;
  for (const char* name : {"boiler", "pump"}) plant.sources.emplace_back().name = name;
  const std::vector<std::pair<std::string, std::string>> tags{{"t", "boiler"}, {"p", "boiler"}, {"n", "pump"}};
  for (const auto& [name, source] : tags) {
    auto& tag = plant.tags.emplace_back();
    tag.name = name;
    tag.source = source;
  }
  return plant;
}

inline config::SparkplugSettings quick_settings(const std::vector<int>& ports) {
  config::SparkplugSettings settings;
  settings.enabled = true;
  for (const int port : ports) settings.brokers.push_back({.port = port, .tls = false});
  settings.group = "G";
  settings.period = std::chrono::milliseconds{10};
  settings.reconnect_min = std::chrono::milliseconds{10};
  settings.reconnect_max = std::chrono::milliseconds{100};
  return settings;
}

inline Sample reading(std::size_t tag, double value, Quality quality = Quality::good) {
  const WallTime now = system_clock().wall();
  return {.tag = tag, .source_time = now, .received = now, .value = value, .quality = quality};
}

bool eventually(auto&& condition) {
  for (int i = 0; i < 20'000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return condition();
}

}  // namespace lineside::gateway::testing
