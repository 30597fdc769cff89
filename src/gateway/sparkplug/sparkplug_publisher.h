#pragma once
// Publishes a gateway's tags as a Sparkplug B 3.0 edge node, one device for each tag source, so that any SCADA system
// reads them without the hub. Which clause is kept how, and what is not done: docs/sparkplug.md. Writes of metrics are
// refused and counted (law 6).
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/sparkplug_settings.h"
#include "config/tag_settings.h"
#include "gateway/api/tag_source.h"

namespace lineside::gateway {

struct SparkplugStatus {
  bool connected = false;      // to a broker
  bool online = false;         // births are out: readings are published
  bool host_missing = false;   // connected, but the primary host is not online
  std::uint64_t waiting = 0;   // samples that are not sent yet
  std::uint64_t lost = 0;      // samples that never will be: there was no room
  std::uint64_t sent = 0;      // samples, repeated ones included
  std::uint64_t rebirths = 0;  // that were asked for
  std::uint64_t refused = 0;   // metrics that somebody wanted to write
  std::string trouble;         // for people: no connection, or no primary host; "" while there is none
};

// Owns its thread, and libmosquitto's. Thread-safe.
class SparkplugPublisher {
 public:
  // Starts; a broker that is not there is no error. `state_file` keeps the number of the last session (bdSeq) over
  // restarts; a file that can't be read or written costs only that. Errors: config_invalid (as EdgeNode::create, or TLS
  // material that does not fit), file_not_found, file_io (certificates, password file).
  static Result<std::unique_ptr<SparkplugPublisher>> start(const config::SparkplugSettings& settings,
                                                           const std::string& gateway, const std::string& version,
                                                           const config::TelemetrySettings& telemetry,
                                                           const std::filesystem::path& state_file, Clock& clock,
                                                           MetricsRegistry& metrics);
  // Sends what is new, publishes the node's death and disconnects; within 3 s. What else waits is lost.
  ~SparkplugPublisher();

  // Where the source at this place of the settings brings its readings. Any thread; returns at once; lives as long as
  // this. When readings come faster than they are taken the oldest go, counted. A tag whose value and quality have not
  // changed is not sent again.
  TagSink& sink(std::size_t source);

  SparkplugStatus status() const;

 private:
  class Impl;
  class Sink;
  explicit SparkplugPublisher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lineside::gateway
