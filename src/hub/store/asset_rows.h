#pragma once
// What the store knows of machines that are watched.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/record.h"

namespace lineside::hub {

struct AssetId {
  std::string gateway, asset;
  auto operator<=>(const AssetId&) const = default;
};

struct AssetRow {
  AssetId id;
  AssetSummary newest;        // its features are those of its worst window
  nanoseconds period{};       // the longest of its newest summaries: an event makes single ones shorter
  Severity severity{};        // of the open anomaly: that of its newest event; info without one
  WallTime spectra_time{};    // of newest.spectra; zero: there are none yet
  std::string features_json;  // as stored: [["x rms", 3.1], ...]
  std::string spectra_json;   // as stored; "": none
};

struct AssetPoint {
  WallTime from{};
  double score_min = 0, score_mean = 0, score_max = 0, threshold = 0, velocity_mm_s = -1;
  std::uint64_t windows = 0, anomalies = 0, unknown = 0, sensor_faults = 0, raw_bytes = 0;
};

struct EventRow {
  std::string gateway;
  EventRecord event;
};

// What a person said of an event.
struct Feedback {
  std::string gateway, asset, event_id;
  std::string judgement;  // "normal", "fault", "unsure"
  std::string note, user;
  WallTime time{};
};

struct AssetEvent {
  EventRow row;
  std::vector<Feedback> feedback;  // in the order of time
};

}  // namespace lineside::hub
