#pragma once
// The settings of telemetry: where tags are read, and what of each is worth sending; part of the gateway's settings,
// see gateway_settings.h.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/opcua_settings.h"
#include "model/broker_access.h"

namespace lineside::config {

struct TagSourceSettings {
  std::string name;
  enum class Kind : std::uint8_t { modbus, opcua, mqtt, file } kind = Kind::modbus;
  BrokerAccess at{.port = 502, .tls = false};  // modbus TCP: host and port; mqtt: all
  bool plain = false;                          // mqtt: without TLS on another machine's broker too
  OpcuaSettings opcua;                         // opcua: all
  std::string device;                          // modbus RTU: /dev/ttyUSB0; empty: TCP
  int baud = 19200;
  enum class Parity : std::uint8_t { even, odd, none } parity = Parity::even;
  std::chrono::milliseconds period{1000};   // modbus: between two polls; opcua: sampling interval
  std::chrono::milliseconds timeout{1000};  // modbus: for one answer
  std::string path;                         // file: a recording (CSV, also .gz)
  std::string time_column;                  // file: empty: found by itself
  double speed = 1;                         // file: times real speed; 0: as fast as taken
  bool loop = false;                        // file: from the start again
  std::chrono::milliseconds reconnect_min{200}, reconnect_max{30'000};
};

struct ModbusTagSettings {
  int unit = 1;  // of the device on the line or behind the gateway
  enum class Area : std::uint8_t { holding, input, coil, discrete } area = Area::holding;
  int address = 0;  // from 0, as on the wire
  enum class Type : std::uint8_t { uint16, int16, uint32, int32, uint64, int64, float32, float64 } type = Type::uint16;
  bool swap_words = false;  // registers of a longer type: the low one first
  bool swap_bytes = false;  // within each register
  int bit = -1;             // one bit of a register; -1: the whole
};

struct MqttTagSettings {
  std::string topic;    // filter, may have + and #
  std::string value;    // JSON Pointer (RFC 6901) to the number; empty: the payload is the number
  std::string time;     // likewise to the time: a number in ms since 1970 or ISO 8601; empty: time of receipt
  std::string quality;  // likewise to a text or number: "good" or 192 and above is good; empty: always good
};

struct TagSettings {
  std::string name;    // in paths: boiler/feed/temperature
  std::string source;  // name of a tag source
  std::string unit;
  double scale = 1, offset = 0;  // value = what was read * scale + offset
  ModbusTagSettings modbus;
  MqttTagSettings mqtt;
  std::string node;    // opcua
  std::string column;  // file

  // What of it is sent. The hub's value is never further from the gateway's than `max_error` (of `span_low` to
  // `span_high` where it is a share); 0: exactly.
  double max_error = 0;
  bool max_error_of_span = false;
  std::optional<double> span_low, span_high;
  std::chrono::milliseconds max_silence{60'000};        // a value is sent at least so often, however little it changes
  std::optional<double> low_low, low, high, high_high;  // alarm limits (ISA-18.2): crossing one is sent at once
  double deadband = 0;                                  // a limit is left again only by so much (hysteresis)
  bool summary_only = false;                            // nobody needs it in detail: count, mean, min, max ... only
  std::chrono::milliseconds summary_period{60'000};
};

// How tags are gathered for the way to the hub.
struct TelemetrySettings {
  std::vector<TagSourceSettings> sources;
  std::vector<TagSettings> tags;
  std::chrono::milliseconds block_period{10'000};  // a block of readings is closed after so long
  int queue_samples = 65'536;                      // between sources and filter
};

}  // namespace lineside::config
