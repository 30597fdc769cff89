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

enum class Lane : std::uint8_t { urgent = 0, bulk = 1 };  // urgent: verdicts, events; bulk: summaries, tags, pictures
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

// How the amplitudes of one channel's bands stand to those learned as normal, at one moment. Natural logarithms.
struct AssetSpectrum {
  std::string channel, unit;
  std::vector<float> low_hz;               // where each band begins
  std::vector<float> now, normal, spread;  // of each band; spread: how much normal varies
};

inline constexpr std::size_t kAssetsMax = 1000;  // of one gateway

// The scores of one asset over a period. What it stands for stays on site (law 5).
struct AssetSummary {
  std::string asset;
  WallTime from{}, to{};
  std::string mode;     // "collecting", "queued" (to train), "training", "shadow", "scoring", "waiting" (no model)
  float progress = 0;   // of collecting and shadow, 0..1
  std::string trouble;  // of the asset as a whole, a sentence; empty: none
  std::string state;    // operating state of the newest window
  std::string sensor;   // what is wrong with the sensors now, a sentence; empty: nothing
  bool alarm = false;   // an anomaly event is open
  std::uint64_t windows = 0, anomalies = 0, unknown = 0, sensor_faults = 0;
  float score_min = 0, score_mean = 0, score_max = 0, threshold = 0;  // of windows that were scored
  std::uint64_t raw_bytes = 0;                                        // taken in, of which none left
  std::uint64_t lost_samples = 0;  // missing for each channel, because blocks were lost or came too fast
  float velocity_mm_s = -1;        // rms 10-1000 Hz of the worst channel; negative: not known
  std::string model_version;       // "name@version"
  std::vector<std::pair<std::string, float>> features;  // furthest from normal in the worst window, in spreads
  std::vector<AssetSpectrum> spectra;                   // only now and then
};

// Readings of the tags of one stream, coded (telemetry/tag_stream.h). Each block needs those before it in its
// generation.
struct TagBlock {
  std::string stream;            // the source's name, with "/2" and so on where it has more tags than a stream takes
  std::uint64_t generation = 0;  // of this stream; when it was begun, in ms since 1970
  std::uint32_t index = 0;       // in the generation, from 0 on without holes
  WallTime from{}, to{};         // of its rows
  nanoseconds moved{};           // what the hub added to these times and has to add to its rows'; never sent
  std::uint64_t rows = 0, samples = 0;
  std::uint32_t check = 0;  // of what a receiver finds
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> plan;  // with index 0, and only there
};

// What is sent of a tag that nobody needs in detail: its good readings of a period.
struct TagSummary {
  std::string tag, unit;
  WallTime from{}, to{};
  std::uint64_t count = 0, bad = 0;                  // good readings; others
  double mean = 0, min = 0, max = 0, deviation = 0;  // of the good ones; 0 where there are none
  double above_high_s = -1;                          // time above the alarm limit `high`; negative: there is none
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

using RecordBody = std::variant<VerdictRecord, StationSummary, EventRecord, PictureRecord, LossRecord, AssetSummary,
                                TagBlock, TagSummary>;

struct Record {
  std::uint64_t sequence = 0;  // from 1 on in each (gateway, lane), without holes
  RecordBody body;
};

}  // namespace lineside
