#pragma once
// What a gateway says as a Sparkplug B edge node: births, data and deaths of itself and of its devices (its tag
// sources), with sequence numbers and aliases. No network here.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/sparkplug_settings.h"
#include "config/tag_settings.h"
#include "model/sample.h"
#include "wire/sparkplug.h"

namespace lineside::gateway {

inline constexpr std::string_view kLostSamplesMetric = "Telemetry/Lost samples";
inline constexpr std::string_view kVersionMetric = "Properties/Software Version";

// Not thread-safe. Each message but a death of the node takes the next sequence number: it must be sent, in this order.
class EdgeNode {
 public:
  struct Message {
    std::string topic;
    wire::Bytes payload;
  };

  // Sources are devices, in the order of the settings; those without a tag to publish are not told. Errors:
  // config_invalid: a name that is no Sparkplug id, a name twice, a tag of no source, tags chosen that are not there,
  // or so many tags in one source that its birth would be too long.
  static Result<EdgeNode> create(const config::SparkplugSettings& settings, const std::string& gateway,
                                 const std::string& version, const config::TelemetrySettings& telemetry);

  std::string command_topic() const;    // NCMD
  std::string device_commands() const;  // filter of all DCMD
  std::string death_topic() const;
  std::size_t sources() const { return devices_.size(); }
  bool published(std::size_t tag) const { return tag < source_of_.size() && source_of_[tag].has_value(); }
  std::size_t source_of(std::size_t tag) const { return *source_of_[tag]; }  // of a published tag
  const std::vector<std::size_t>& tags_of(std::size_t source) const { return devices_[source].tags; }

  Message death(std::uint64_t bd_seq, WallTime now) const;
  // Begins the sequence again from 0. `lost`: samples that never will be sent.
  Message birth(std::uint64_t bd_seq, std::uint64_t lost, WallTime now);
  Message data(std::uint64_t lost, WallTime now);
  // `current`: of each of tags_of(source), in this order; nothing: not read yet.
  Message device_birth(std::size_t source, std::span<const std::optional<Sample>> current, WallTime now);
  Message device_death(std::size_t source, WallTime now);
  // Of published tags of one source, no tag twice in the same millisecond; put in the order of their times.
  Message device_data(std::size_t source, std::span<const Sample> samples, bool historical, WallTime now);

 private:
  struct Tag {
    std::string name, unit;
  };
  struct Device {
    std::string id;
    std::vector<std::size_t> tags;
  };
  EdgeNode() = default;
  Result<void> add(std::size_t tag, const config::TagSettings& settings, const config::TelemetrySettings& telemetry);
  Result<void> check() const;
  std::string topic(wire::sparkplug::Verb verb, const std::string& device = {}) const;
  wire::sparkplug::Payload begin(WallTime now);
  std::vector<wire::sparkplug::Metric> birth_metrics(std::size_t source, std::span<const std::optional<Sample>> current,
                                                     WallTime now) const;

  std::string group_, id_, version_;
  std::vector<Tag> tags_;                              // as in the settings
  std::vector<std::optional<std::size_t>> source_of_;  // of each tag; nothing: not published
  std::vector<Device> devices_;
  std::uint64_t next_seq_ = 0;
};

// When the value was taken, in ms; when it came, where the source does not say or its clock is more than a minute fast.
std::uint64_t time_ms_of(const Sample& sample);

}  // namespace lineside::gateway
