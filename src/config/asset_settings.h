#pragma once
// The settings of machines that are watched (assets) and of where their waveforms come from; part of the gateway's
// settings, see gateway_settings.h. What the formats are: docs/waveforms.md.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/opcua_settings.h"
#include "model/broker_access.h"

namespace lineside::config {

struct WaveformSourceSettings {
  std::string name;
  enum class Kind : std::uint8_t { mqtt, tcp, udp, opcua, files } kind = Kind::mqtt;
  BrokerAccess at{.port = 1883, .tls = false};  // mqtt: all; tcp: host and port; udp: address and port to listen on
  bool plain = false;                           // mqtt: without TLS on another machine's broker too
  OpcuaSettings opcua;                          // opcua: all
  std::string path;                             // files: a recording or a folder of them
  double speed = 1;                             // files: times real speed; 0: as fast as taken
  bool loop = true;                             // files: from the start again
  int block_ms = 100;                           // files: length of the blocks that are made of them
  std::chrono::milliseconds reconnect_min{200}, reconnect_max{10'000};
};

struct ChannelSettings {
  std::string name;
  std::string unit = "m/s2";
  double sensitivity = 1;  // what the source gives for one unit: values are divided by it
  std::string position;    // of the sensor, for people
  std::string node;        // opcua: of this channel's array; empty: the asset's node has all channels
};

struct LearningSettings {
  double minutes = 60;                           // over which recordings are taken
  int recordings = 120;                          // so many, evenly spread
  double recording_s = 2;                        // length of each
  double shadow_minutes = 10;                    // scores without events before it counts
  double shadow_anomalies = 0.02;                // more of the shadow period's windows: the model is not taken
  double outliers_max = 0.1;                     // share of recordings that may differ from all others and are left out
  std::string program;                           // lineside-train; empty: beside the gateway's own program
  std::uint64_t disk_bytes_max = 1'000'000'000;  // of the recordings: no more are taken then
  std::uint64_t memory_bytes_max = 1'500'000'000;
  double time_max_minutes = 60;
};

// A reading that says that the machine runs as it should to be judged.
struct RunningWhen {
  std::string tag;
  std::optional<double> min, max;  // at least one of them
};

struct AssetSettings {
  std::string name;
  std::string source;  // name of a waveform source
  std::string topic;   // mqtt: its blocks come here
  std::string node;    // opcua: of an array with the samples of all channels; empty: each channel has its own
  double rate_hz = 0;
  std::vector<ChannelSettings> channels;  // in the order of the source's
  std::string bundle;                     // path of the .lsb file; mode learning makes its own
  enum class Mode : std::uint8_t { bundle, learning } mode = Mode::bundle;
  std::string machine;                    // asset.yaml: what is known of it besides; for lineside-train, empty: nothing
  std::vector<std::string> states;        // of the bundle, in which windows count; empty: all
  std::vector<RunningWhen> running_when;  // all of them, while a window lasts, for it to count; empty: always
  std::chrono::milliseconds settle{2000};  // running_when: and so long before it
  int anomalies_needed = 6;                // k of the last n windows make an event
  int anomalies_of = 10;
  double clear_below = 0.8;  // share of the threshold that k of n scores must be below for the event to end
  std::chrono::milliseconds stall_max{3000};
  std::chrono::milliseconds summary_period{30'000}, spectrum_period{300'000};
  int queue_blocks = 64;
  std::uint64_t queue_bytes_max = 32'000'000;
  LearningSettings learning;
};

}  // namespace lineside::config
