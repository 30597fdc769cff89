#pragma once
// The settings of telemetry: where tags are read, and what of each is worth sending; part of the gateway's settings,
// see gateway_settings.h. How each protocol is wired: docs/tags.md.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/opcua_settings.h"
#include "model/broker_access.h"

namespace lineside::config {

struct TagSourceSettings {
  std::string name;
  enum class Kind : std::uint8_t { modbus, opcua, mqtt, file, sparkplug } kind = Kind::modbus;
  BrokerAccess at{.port = 0, .tls = false};  // modbus TCP: host and port; mqtt, sparkplug: all; port 0: the usual one
  bool plain = false;                        // mqtt, sparkplug: without TLS on another machine's broker too
  std::uint64_t message_bytes_max = 1'000'000;
  OpcuaSettings opcua{.sampling = std::chrono::milliseconds{500}, .publishing = std::chrono::milliseconds{500}};
  std::string device;  // modbus RTU: /dev/ttyUSB0; empty: TCP
  int baud = 19200;
  enum class Parity : std::uint8_t { even, odd, none } parity = Parity::even;
  int stop_bits = 0;                        // 0: as the standard says, 1 with parity and 2 without
  std::chrono::milliseconds period{1000};   // modbus: between two polls; file: of rows without a time
  std::chrono::milliseconds timeout{1000};  // modbus: for one answer
  std::chrono::milliseconds pause{0};       // modbus: between an answer and the next request
  int gap_max = 8;                          // modbus: registers (or 16 bits) nobody asked for that may be read along
  int registers_max = 125;                  // modbus: of one request
  std::string path;                         // file: a recording (CSV, also .gz)
  std::string time_column;                  // file: empty: found by itself
  double speed = 1;                         // file: times real speed
  bool loop = false;                        // file: from the start again
  enum class Times : std::uint8_t { now, recorded } times = Times::now;  // file: source times
  std::chrono::milliseconds reorder_timeout{2000};                       // sparkplug: for a message that was overtaken
  bool ask_for_rebirth = true;                                           // sparkplug
  std::chrono::milliseconds reconnect_min{200}, reconnect_max{30'000};
};

// How it is reached, with the port that is usual there if none is named.
inline BrokerAccess access_of(const TagSourceSettings& source) {
  BrokerAccess at = source.at;
  if (at.port == 0) at.port = source.kind == TagSourceSettings::Kind::modbus ? 502 : at.tls ? 8883 : 1883;
  return at;
}

// What is polled comes each few seconds; slow MQTT devices report each quarter of an hour, of which one may be lost.
inline std::chrono::milliseconds usual_silence(TagSourceSettings::Kind kind) {
  return kind == TagSourceSettings::Kind::mqtt ? std::chrono::minutes{30} : std::chrono::minutes{1};
}

struct ModbusTagSettings {
  int unit = 1;  // of the device on the line or behind the gateway
  enum class Area : std::uint8_t { holding, input, coil, discrete } area = Area::holding;
  int address = 0;  // from 0, as on the wire
  enum class Type : std::uint8_t { uint16, int16, uint32, int32, uint64, int64, float32, float64 } type = Type::uint16;
  bool swap_words = false;  // registers of a longer type: the low one first
  bool swap_bytes = false;  // within each register
  int bit = -1;             // one bit of a register; -1: the whole
};

inline int registers_of(ModbusTagSettings::Type type) {
  constexpr int kRegisters[] = {1, 1, 2, 2, 4, 4, 2, 4};
  return kRegisters[static_cast<std::size_t>(type)];
}

struct MqttTagSettings {
  std::string topic;  // filter, may have + and #
  std::string value;  // JSON Pointer (RFC 6901) to the number; empty: the payload is the number
  std::string time;   // likewise to the time: a number since 1970 or ISO 8601; empty: time of receipt
  enum class TimeUnit : std::uint8_t { s, ms, us, ns } time_unit = TimeUnit::ms;
  std::string quality;    // likewise to a text or number: "good" or 192 and above is good; empty: always good
  bool optional = false;  // a message without the value is no fault
};

struct OpcuaTagSettings {
  std::string node;
  int element = -1;     // of an array; -1: the value is none
  double deadband = 0;  // the server keeps changes of no more than this to itself; before scale
};

struct SparkplugTagSettings {
  std::string group, edge_node;
  std::string device;  // empty: a metric of the edge node itself
  std::string metric;
};

struct FileTagSettings {
  std::string column;  // empty: the tag's name
};

struct TagSettings {
  std::string name;    // in paths: boiler/feed/temperature
  std::string source;  // name of a tag source
  std::string unit;
  double scale = 1, offset = 0;                 // value = what was read * scale + offset
  std::optional<double> valid_low, valid_high;  // beyond them the quality is bad: a broken wire, a sensor's fault code
  ModbusTagSettings modbus;                     // of the source's kind
  MqttTagSettings mqtt;
  OpcuaTagSettings opcua;
  FileTagSettings file;
  SparkplugTagSettings sparkplug;

  // What of it is sent. The hub's value is never further from the gateway's than `max_error` (of `span_low` to
  // `span_high` where it is a share); 0: exactly.
  double max_error = 0;
  bool max_error_of_span = false;
  std::optional<double> span_low, span_high;
  // Without a reading for so long a rule takes the tag for unknown, and one of an MQTT source is bad. 0: never; a file
  // of settings gets the usual one.
  std::chrono::milliseconds max_silence{0};
  std::optional<double> low_low, low, high, high_high;  // alarm limits (ISA-18.2): crossing one is sent at once
  double deadband = 0;                                  // a limit is left again only by so much (hysteresis)
  bool summary_only = false;                            // nobody needs it in detail: count, mean, min, max ... only
  std::chrono::milliseconds summary_period{60'000};
};

// How tags are gathered for the way to the hub.
struct TelemetrySettings {
  std::vector<TagSourceSettings> sources;
  std::vector<TagSettings> tags;
  std::chrono::milliseconds block_period{30'000};  // a block of readings is closed after so long
  int queue_samples = 65'536;                      // between sources and filter
};

}  // namespace lineside::config
