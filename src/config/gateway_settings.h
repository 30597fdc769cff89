#pragma once
// The gateway's settings as plain values, validated before anybody sees them. Keys, units, ranges, defaults and
// descriptions stand in one table, gateway_schema.cc, from which validation, the JSON Schema and
// docs/gateway-settings.md come. The table takes its defaults from these structs; config/load.h has the rules of the
// file itself.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/asset_settings.h"
#include "config/grant_settings.h"
#include "config/sparkplug_settings.h"
#include "config/tag_settings.h"
#include "model/broker_access.h"
#include "model/verdict.h"

namespace lineside::config {

using std::chrono::milliseconds;

inline constexpr std::size_t kRuleFilesMax = 16;

struct CameraSettings {
  std::string name;
  enum class Kind : std::uint8_t { rtsp, v4l2, gige, pipeline, folder } kind = Kind::folder;
  std::string url;               // rtsp
  std::string device;            // v4l2: /dev/video0; gige: the camera's id, empty: the first one found
  std::string pipeline;          // pipeline: GStreamer text that ends where the appsink is put
  std::string path;              // folder: pictures in name order
  double rate_hz = 10;           // folder: pictures a second; 0: as fast as the station takes them
  bool loop = true;              // folder: from the start again
  int width = 0, height = 0;     // expected size; 0: whatever the first frame has. Another size later is a camera fault
  milliseconds stall_max{2000};  // no frame for so long: the camera is down and is opened again
  milliseconds reconnect_min{200}, reconnect_max{10'000};  // back-off, doubled with jitter
};

struct TriggerSettings {
  enum class Kind : std::uint8_t { every_frame, gpio } kind = Kind::every_frame;
  std::string chip;  // gpio: "gpiochip0" or a path
  int line = 0;      // gpio: offset on the chip
  enum class Edge : std::uint8_t { rising, falling } edge = Edge::rising;
  milliseconds debounce{1};
  milliseconds frame_wait_max{50};  // how long after the trigger its frame may come
};

struct ActuatorSettings {
  enum class Kind : std::uint8_t { none, gpio, modbus, mqtt } kind = Kind::none;
  milliseconds delay{80};      // from trigger to the moment the item is in front of the rejector (transport delay)
  milliseconds pulse{20};      // how long the output stays on
  milliseconds tolerance{10};  // later than delay + tolerance the item has gone by: not fired, counted
  enum class SafeState : std::uint8_t { reject_all, pass_all, hold } safe_state = SafeState::hold;
  std::string chip;  // gpio
  int line = 0;
  bool active_low = false;
  BrokerAccess at{.port = 502, .tls = false};  // modbus TCP: host and port; mqtt: all
  int unit = 1;                                // modbus unit id
  int coil = 0;                                // modbus coil address, from 0
  int item_register = -1;  // modbus: holding register pair that takes the item number before the coil; -1: none
  int safe_coil = -1;      // modbus: coil that stands for the safe state; -1: none
  bool read_back = true;   // modbus: read the coil after writing it
  std::string topic;       // mqtt
  bool plain = false;      // mqtt: without TLS on another machine's broker too
  milliseconds timeout{50};
};

struct ShareSettings {
  enum class Level : std::uint8_t { none, thumbnail, full } level = Level::none;
  int thumbnail_px = 160;      // longer side
  double per_minute_max = 30;  // pictures a minute for each station; more stay here
};

struct StationSettings {
  std::string name;
  std::vector<std::string> cameras;  // names; several: k-of-n vote over one item
  int votes_needed = 1;              // k: so many cameras must say reject
  TriggerSettings trigger;
  std::string bundle;                      // path of the .lsb file
  std::optional<double> reject_threshold;  // instead of the bundle's
  double doubt_band = 0;  // scores within this below the threshold are rejected too ("reject on doubt")
  std::vector<std::string> reject_classes;  // empty: the bundle's own
  milliseconds deadline{50};                // from trigger to verdict
  Decision fail_safe = Decision::reject;
  ActuatorSettings actuator;
  int queue_items = 8;  // items waiting for the model; more get the fail-safe verdict at once
  int cpu = -1;         // pin the station's thread to this core; -1: not pinned
};

struct SampleStoreSettings {
  std::string path = "samples";  // below data_dir
  std::uint64_t bytes_max = 1'000'000'000;
  double pass_share = 0.002;    // random share of passes that is kept
  double near_threshold = 0.1;  // |score - threshold| below this is kept
  ShareSettings share;
};

struct LedgerSettings {
  std::uint64_t bytes_max = 200'000'000;  // ring: the oldest file goes when full
};

struct OutboxSettings {
  std::uint64_t urgent_bytes_max = 500'000'000, bulk_bytes_max = 500'000'000;
  milliseconds commit_delay{50};  // group commit: records wait at most this long for the disk
  int queue_records = 8192;       // in memory, before the disk
};

struct UplinkSettings {
  bool enabled = false;
  BrokerAccess broker;
  milliseconds batch_delay{200};  // a batch waits at most this long for more records
  int batch_records = 500;
  int in_flight_batches = 4;
  milliseconds ack_timeout{5000};  // unacknowledged for so long: sent again
  milliseconds reconnect_min{200}, reconnect_max{30'000};
};

struct InferenceSettings {
  std::string library;                        // path of libonnxruntime.so; empty: the system's
  std::vector<std::string> providers{"cpu"};  // in order of preference
  bool fallback_to_cpu = false;               // a provider that fails to load: error, or CPU and a counter
  std::vector<std::string> trusted_keys;      // public key files (PEM) that may sign bundles
  bool allow_unsigned = false;
};

struct LocalSettings {
  bool enabled = true;
  std::string address = "127.0.0.1";
  int port = 9780;
};

struct GatewaySettings {
  std::string tenant = "default";
  std::string gateway;   // id, unique for the tenant: a-z, 0-9 and '-'
  std::string data_dir;  // ledger, outbox, samples
  std::vector<CameraSettings> cameras;
  std::vector<StationSettings> stations;
  std::vector<WaveformSourceSettings> waveform_sources;
  std::vector<AssetSettings> assets;
  TelemetrySettings telemetry;
  SparkplugSettings sparkplug;
  std::vector<std::string> rules;     // files of rules over the tags
  std::vector<GrantSettings> grants;  // what of the tags may be written
  SampleStoreSettings samples;
  LedgerSettings ledger;
  OutboxSettings outbox;
  UplinkSettings uplink;
  InferenceSettings inference;
  LocalSettings local;
  milliseconds summary_period{1000};
};

}  // namespace lineside::config
