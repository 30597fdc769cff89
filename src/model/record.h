#pragma once
// What leaves a gateway: records in lanes, each with (gateway, lane, sequence). Law 2 counts these.
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "model/verdict.h"

namespace lineside {

enum class Lane : std::uint8_t { urgent = 0, bulk = 1 };  // urgent: verdicts, events; bulk: summaries, shared pictures
const char* to_string(Lane lane);

enum class Severity : std::uint8_t { info, low, medium, high, critical };  // the field's usual five
const char* to_string(Severity severity);

// One verdict as the hub sees it. Durations from the trigger, in nanoseconds; -1: did not happen.
struct VerdictRecord {
  std::string station;
  std::uint64_t item = 0;
  WallTime time{};
  Decision decision = Decision::reject;
  Reason reason = Reason::score;
  float score = 0;
  std::string label;          // of the bundle, "" unknown
  std::string model_version;  // "name@version"
  bool deadline_met = false;
  bool actuated = false;
  std::int64_t decision_ns = -1, actuation_ns = -1;
};

// Counts of one station over a period, and the latency histogram's buckets (upper bound in ns, count in that bucket).
struct StationSummary {
  std::string station;
  WallTime from{}, to{};
  std::uint64_t items = 0, passed = 0, rejected = 0, fail_safe = 0, late = 0, actuation_failed = 0;
  std::uint64_t raw_bytes = 0;  // pixels taken in during the period, of which none left
  std::vector<std::pair<std::int64_t, std::uint64_t>> decision_latency;
  bool camera_up = false, actuator_up = false;
  std::string model_version;
  std::int64_t deadline_ns = 0;  // the station's limit from trigger to verdict; 0: not known
};

// Something that happened: "camera.lost", "actuator.unreachable", "model.changed" ...
struct EventRecord {
  std::string id;  // UUIDv7
  std::string type;
  std::string asset;  // station, machine or the gateway itself
  Severity severity = Severity::info;
  WallTime time{};
  std::string message;
  std::map<std::string, std::string> evidence;
};

// A picture that the site's share policy let out.
struct PictureRecord {
  std::string station;
  std::uint64_t item = 0;
  WallTime time{};
  std::string kind;  // "thumbnail" or "full"
  std::vector<std::uint8_t> jpeg;
};

// Declares that records [first, last] of a lane will never come, and why.
struct LossRecord {
  Lane lane = Lane::bulk;
  std::uint64_t first = 0, last = 0;
  std::string cause;  // "outbox.full", "outbox.damaged", "queue.full" ...
  WallTime time{};
};

using RecordBody = std::variant<VerdictRecord, StationSummary, EventRecord, PictureRecord, LossRecord>;

struct Record {
  std::uint64_t sequence = 0;  // from 1 on in each (gateway, lane), without holes
  RecordBody body;
};

}  // namespace lineside
