#include "gateway/sparkplug/edge_node.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <set>

namespace lineside::gateway {
namespace {

namespace sparkplug = wire::sparkplug;
using sparkplug::Metric;
using sparkplug::Type;
using sparkplug::Verb;

constexpr std::uint64_t kBdSeqAlias = 1, kLostAlias = 2, kVersionAlias = 3, kFirstTagAlias = 16;
constexpr std::size_t kBirthRoom = 1024;     // of a payload, for what stands beside the metrics
constexpr std::size_t kCurrentBytes = 64;    // of a metric: what a value takes more than none
constexpr std::chrono::minutes kFastMax{1};  // of a source's clock

std::uint32_t code(Type type) { return static_cast<std::uint32_t>(type); }

bool chosen(const std::vector<std::string>& wanted, const std::string& name) {
  const auto is_it = [&](const std::string& one) { return config::names_tag(one, name); };
  return wanted.empty() || std::ranges::any_of(wanted, is_it);
}

// A doubtful value is stale: of the three codes the only one that is not good and leaves the value its meaning.
void put_value(const Sample& sample, Metric& metric) {
  metric.timestamp_ms = time_ms_of(sample);
  if (sample.quality == Quality::bad || !std::isfinite(sample.value)) {
    metric.is_null = true;
    metric.quality = sparkplug::kQualityBad;
    return;
  }
  metric.value = sample.value;
  if (sample.quality == Quality::uncertain) metric.quality = sparkplug::kQualityStale;
}

}  // namespace

std::uint64_t time_ms_of(const Sample& sample) {
  const bool said = sample.source_time != WallTime{} && sample.source_time <= sample.received + kFastMax;
  return sparkplug::to_ms(said ? sample.source_time : sample.received);
}

Result<EdgeNode> EdgeNode::create(const config::SparkplugSettings& settings, const std::string& gateway,
                                  const std::string& version, const config::TelemetrySettings& telemetry) {
  EdgeNode node;
  node.group_ = settings.group;
  node.id_ = settings.edge_node.empty() ? gateway : settings.edge_node;
  node.version_ = version;
  for (const auto& source : telemetry.sources) node.devices_.push_back({source.name, {}});
  node.tags_.resize(telemetry.tags.size());
  node.source_of_.resize(telemetry.tags.size());
  bool any = false;
  for (std::size_t tag = 0; tag < telemetry.tags.size(); ++tag) {
    if (!chosen(settings.tags, telemetry.tags[tag].name)) continue;
    LINESIDE_TRY(node.add(tag, telemetry.tags[tag], telemetry));
    any = true;
  }
  if (!any && !settings.tags.empty())
    return fail(ErrorCode::config_invalid, "sparkplug.tags names no tag that there is");
  LINESIDE_TRY(node.check());
  return node;
}

Result<void> EdgeNode::add(std::size_t tag, const config::TagSettings& settings,
                           const config::TelemetrySettings& telemetry) {
  const auto source = std::ranges::find(telemetry.sources, settings.source, &config::TagSourceSettings::name);
  if (source == telemetry.sources.end())
    return fail(ErrorCode::config_invalid, std::format("tag {} is of no source: '{}'", settings.name, settings.source));
  const auto index = static_cast<std::size_t>(source - telemetry.sources.begin());
  tags_[tag] = {settings.name, settings.unit};
  source_of_[tag] = index;
  devices_[index].tags.push_back(tag);
  return {};
}

Result<void> EdgeNode::check() const {
  const auto refuse = [](const std::string& what, const std::string& name) {
    return fail(ErrorCode::config_invalid, std::format("Sparkplug: {}: '{}'", what, wire::clean_text(name, 200)));
  };
  if (!sparkplug::is_id(group_)) return refuse("not usable as a group id", group_);
  if (!sparkplug::is_id(id_)) return refuse("not usable as an edge node id", id_);
  std::set<std::string> ids;
  for (std::size_t source = 0; source < devices_.size(); ++source) {
    const Device& device = devices_[source];
    if (device.tags.empty()) continue;
    if (!sparkplug::is_id(device.id)) return refuse("not usable as a device id", device.id);
    if (!ids.insert(device.id).second) return refuse("two sources have the same name", device.id);
    std::set<std::string> names;
    for (const std::size_t tag : device.tags) {
      const std::string& name = tags_[tag].name;
      if (name.empty() || wire::clean_text(name, sparkplug::kNameBytesMax) != name)
        return refuse("not usable as a metric's name", name);
      if (!names.insert(name).second) return refuse("two tags of one source have the same name", name);
    }
    const std::vector<std::optional<Sample>> nothing(device.tags.size());
    std::size_t bytes = kBirthRoom;
    for (const Metric& metric : birth_metrics(source, nothing, {})) bytes += encoded_bytes(metric) + kCurrentBytes;
    if (bytes > sparkplug::kPayloadBytesMax || device.tags.size() > sparkplug::kMetricsMax)
      return refuse("too many tags for one birth message; divide the source", device.id);
  }
  return {};
}

std::string EdgeNode::topic(Verb verb, const std::string& device) const {
  return sparkplug::make_topic({.verb = verb, .group = group_, .edge_node = id_, .device = device, .host = {}});
}

std::string EdgeNode::command_topic() const { return topic(Verb::ncmd); }
std::string EdgeNode::device_commands() const { return topic(Verb::dcmd, "+"); }
std::string EdgeNode::death_topic() const { return topic(Verb::ndeath); }

sparkplug::Payload EdgeNode::begin(WallTime now) {
  sparkplug::Payload payload{.timestamp_ms = sparkplug::to_ms(now), .seq = next_seq_, .metrics = {}};
  next_seq_ = (next_seq_ + 1) % sparkplug::kSequences;
  return payload;
}

EdgeNode::Message EdgeNode::death(std::uint64_t bd_seq, WallTime now) const {
  const std::uint64_t ms = sparkplug::to_ms(now);
  const Metric metric{
      .name = std::string(sparkplug::kBdSeq), .timestamp_ms = ms, .type = code(Type::int64), .value = bd_seq};
  return {death_topic(), sparkplug::encode({.timestamp_ms = ms, .seq = {}, .metrics = {metric}})};
}

EdgeNode::Message EdgeNode::birth(std::uint64_t bd_seq, std::uint64_t lost, WallTime now) {
  next_seq_ = 0;
  auto payload = begin(now);
  const auto add = [&](std::string_view name, std::optional<std::uint64_t> alias, Type type, sparkplug::Value value) {
    payload.metrics.push_back({.name = std::string(name),
                               .alias = alias,
                               .timestamp_ms = payload.timestamp_ms,
                               .type = code(type),
                               .value = std::move(value)});
  };
  add(sparkplug::kBdSeq, kBdSeqAlias, Type::int64, bd_seq);
  add(sparkplug::kRebirth, std::nullopt, Type::boolean, false);
  add(kLostSamplesMetric, kLostAlias, Type::uint64, lost);
  add(kVersionMetric, kVersionAlias, Type::string, version_);
  return {topic(Verb::nbirth), encode(payload)};
}

EdgeNode::Message EdgeNode::data(std::uint64_t lost, WallTime now) {
  auto payload = begin(now);
  payload.metrics.push_back({.alias = kLostAlias, .timestamp_ms = payload.timestamp_ms, .value = lost});
  return {topic(Verb::ndata), encode(payload)};
}

std::vector<Metric> EdgeNode::birth_metrics(std::size_t source, std::span<const std::optional<Sample>> current,
                                            WallTime now) const {
  std::vector<Metric> metrics;
  const Device& device = devices_[source];
  metrics.reserve(device.tags.size());
  for (std::size_t i = 0; i < device.tags.size(); ++i) {
    const std::size_t tag = device.tags[i];
    Metric& metric = metrics.emplace_back();
    metric.name = tags_[tag].name;
    metric.unit = tags_[tag].unit;
    metric.alias = kFirstTagAlias + tag;
    metric.type = code(Type::real64);
    if (current[i]) {
      put_value(*current[i], metric);
    } else {
      metric.timestamp_ms = sparkplug::to_ms(now);
      metric.is_null = true;
      metric.quality = sparkplug::kQualityStale;
    }
  }
  // Chronological, as data is (tck-id-operational-behavior-data-publish-dbirth-order).
  std::ranges::stable_sort(metrics, {}, &Metric::timestamp_ms);
  return metrics;
}

EdgeNode::Message EdgeNode::device_birth(std::size_t source, std::span<const std::optional<Sample>> current,
                                         WallTime now) {
  auto payload = begin(now);
  payload.metrics = birth_metrics(source, current, now);
  return {topic(Verb::dbirth, devices_[source].id), encode(payload)};
}

EdgeNode::Message EdgeNode::device_death(std::size_t source, WallTime now) {
  return {topic(Verb::ddeath, devices_[source].id), encode(begin(now))};
}

EdgeNode::Message EdgeNode::device_data(std::size_t source, std::span<const Sample> samples, bool historical,
                                        WallTime now) {
  auto payload = begin(now);
  payload.metrics.reserve(samples.size());
  for (const Sample& sample : samples) {
    Metric& metric = payload.metrics.emplace_back();
    metric.alias = kFirstTagAlias + sample.tag;
    metric.is_historical = historical;
    put_value(sample, metric);
  }
  std::ranges::stable_sort(payload.metrics, {}, &Metric::timestamp_ms);
  return {topic(Verb::ddata, devices_[source].id), encode(payload)};
}

}  // namespace lineside::gateway
