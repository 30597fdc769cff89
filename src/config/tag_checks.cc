#include <algorithm>
#include <array>
#include <format>
#include <map>
#include <span>
#include <string_view>

#include "config/opcua_table.h"
#include "config/sparkplug_schema.h"
#include "config/tag_schema.h"

namespace lineside::config {
namespace {

using Kind = TagSourceSettings::Kind;

constexpr std::size_t kSourcesMax = 64, kTagsMax = 200'000, kNameMax = 128, kTopicMax = 65'535;
constexpr int kRtuUnitMax = 247, kAddressMax = 65'535;
constexpr std::array<std::string_view, 5> kKinds{"modbus", "opcua", "mqtt", "file", "sparkplug"};

constexpr unsigned bit_of(Kind kind) { return 1U << static_cast<unsigned>(kind); }
constexpr unsigned kModbus = bit_of(Kind::modbus), kOpcua = bit_of(Kind::opcua), kMqtt = bit_of(Kind::mqtt),
                   kFile = bit_of(Kind::file), kSparkplug = bit_of(Kind::sparkplug), kBroker = kMqtt | kSparkplug;

struct KeyOfKinds {
  const char* key;
  unsigned kinds;
};

constexpr KeyOfKinds kSourceKeys[] = {
    {"host", kModbus | kBroker},
    {"port", kModbus | kBroker},
    {"tls", kBroker},
    {"ca_file", kBroker},
    {"cert_file", kBroker},
    {"key_file", kBroker},
    {"username", kBroker},
    {"password_file", kBroker},
    {"plain", kBroker},
    {"message_bytes_max", kBroker},
    {"opcua", kOpcua},
    {"device", kModbus},
    {"baud", kModbus},
    {"parity", kModbus},
    {"stop_bits", kModbus},
    {"period_ms", kModbus | kFile},
    {"timeout_ms", kModbus},
    {"pause_ms", kModbus},
    {"gap_max", kModbus},
    {"registers_max", kModbus},
    {"path", kFile},
    {"time_column", kFile},
    {"speed", kFile},
    {"loop", kFile},
    {"times", kFile},
    {"reorder_timeout_ms", kSparkplug},
    {"ask_for_rebirth", kSparkplug},
    {"reconnect_min_ms", kModbus | kOpcua | kBroker},
    {"reconnect_max_ms", kModbus | kOpcua | kBroker},
};
constexpr KeyOfKinds kTagKeys[] = {
    {"modbus", kModbus}, {"mqtt", kMqtt}, {"opcua", kOpcua}, {"file", kFile}, {"sparkplug", kSparkplug}};

void refuse_foreign_keys(const std::string& at, Kind kind, std::span<const KeyOfKinds> keys, Findings& findings) {
  for (const KeyOfKinds& key : keys) {
    const std::string path = at + "." + key.key;
    if ((key.kinds & bit_of(kind)) != 0 || !findings.has(path)) continue;
    std::string owners;
    for (std::size_t k = 0; k < kKinds.size(); ++k)
      if ((key.kinds & (1U << k)) != 0) owners += std::format("{}{}", owners.empty() ? "" : " and ", kKinds[k]);
    findings.problem(path, std::format("is for sources of kind {}; this one is of kind {}", owners,
                                       kKinds[static_cast<std::size_t>(kind)]));
  }
}

void check_line(const TagSourceSettings& source, const std::string& at, Findings& findings) {
  if (!source.device.empty()) {
    for (const char* key : {".host", ".port"})
      if (findings.has(at + key))
        findings.problem(at + key, "contradicts device: a source is a serial line or a TCP connection");
    return;
  }
  for (const char* key : {".baud", ".parity", ".stop_bits"})
    if (findings.has(at + key)) findings.problem(at + key, "is for a serial line: name its device");
  if (!findings.has(at + ".host")) findings.problem(at + ".host", "is missing; name host (TCP) or device (RTU)");
}

void check_source(const TagSourceSettings& source, const std::string& at, Findings& findings) {
  if (source.reconnect_min > source.reconnect_max)
    findings.problem(at + ".reconnect_min_ms", "is above reconnect_max_ms");
  if (!findings.has(at + ".kind") || findings.failed(at + ".kind")) return;
  refuse_foreign_keys(at, source.kind, kSourceKeys, findings);
  switch (source.kind) {
    case Kind::modbus:
      return check_line(source, at, findings);
    case Kind::opcua:
      return check_opcua(at + ".opcua", source.opcua, findings);
    case Kind::mqtt:
    case Kind::sparkplug:
      if (source.at.tls && source.plain) findings.problem(at + ".plain", "contradicts tls: choose one");
      return check_broker(at + ".", access_of(source), findings, source.plain,
                          ": set tls, or plain if that network is trusted");
    case Kind::file:
      if (source.path.empty()) findings.problem(at + ".path", "is missing; a source of kind file needs a recording");
      if (source.loop && source.times == TagSourceSettings::Times::recorded)
        findings.problem(at + ".loop", "contradicts times: recorded; the same times would come again");
      return check_readable(source.path, at + ".path", findings);
  }
}

void check_modbus(const TagSettings& tag, const TagSourceSettings& source, const std::string& at, Findings& findings) {
  using Area = ModbusTagSettings::Area;
  const ModbusTagSettings& modbus = tag.modbus;
  if (!source.device.empty() && (modbus.unit < 1 || modbus.unit > kRtuUnitMax))
    findings.problem(at + ".unit",
                     std::format("{} is no address on a serial line; those are 1 to {}", modbus.unit, kRtuUnitMax));
  if (modbus.area == Area::coil || modbus.area == Area::discrete) {
    for (const char* key : {".type", ".swap_words", ".swap_bytes", ".bit"})
      if (findings.has(at + key)) findings.problem(at + key, "is for registers; a coil or discrete input is one bit");
    return;
  }
  const int last = modbus.address + registers_of(modbus.type) - 1;
  if (last > kAddressMax)
    findings.problem(at + ".address", std::format("its last register {} is beyond {}", last, kAddressMax));
  if (modbus.bit >= 0 && modbus.type != ModbusTagSettings::Type::uint16)
    findings.problem(at + ".bit", "is of a single register: leave type out");
  if (modbus.swap_words && registers_of(modbus.type) == 1)
    findings.problem(at + ".swap_words", "needs a type of several registers");
}

void check_mqtt(const MqttTagSettings& mqtt, const std::string& at, Findings& findings) {
  if (!is_topic_filter(mqtt.topic))
    findings.problem(at + ".topic", std::format("'{}' is no topic filter: + is a whole level, # the last one, and "
                                                "there are at most {} bytes",
                                                mqtt.topic, kTopicMax));
  const std::pair<const char*, const std::string&> pointers[] = {
      {".value", mqtt.value}, {".time", mqtt.time}, {".quality", mqtt.quality}};
  for (const auto& [key, pointer] : pointers)
    if (!is_json_pointer(pointer))
      findings.problem(at + key, std::format("'{}' is no JSON Pointer; one is /sensors/0/value", pointer));
  if (mqtt.value.empty() && (!mqtt.time.empty() || !mqtt.quality.empty()))
    findings.problem(at + ".value", "is missing; where time or quality are in JSON, the value is too");
  if (mqtt.value.empty() && mqtt.optional)
    findings.problem(at + ".optional", "needs `value`: a message that is the number itself always has it");
}

void check_metric(const SparkplugTagSettings& tag, const std::string& at, Findings& findings) {
  check_sparkplug_id(at + ".group", tag.group, findings);
  check_sparkplug_id(at + ".edge_node", tag.edge_node, findings);
  if (!tag.device.empty()) check_sparkplug_id(at + ".device", tag.device, findings);
  if (tag.metric.empty()) findings.problem(at + ".metric", "is empty; it is the name that the birth gives it");
}

void check_place(const TagSettings& tag, const TagSourceSettings& source, const std::string& at, Findings& findings) {
  refuse_foreign_keys(at, source.kind, kTagKeys, findings);
  const auto needed = [&](const char* key) {
    if (!findings.has(at + key))
      findings.problem(at + key, std::format("is missing; it says where in '{}' the tag is", source.name));
    return findings.has(at + key);
  };
  switch (source.kind) {
    case Kind::modbus:
      if (needed(".modbus")) check_modbus(tag, source, at + ".modbus", findings);
      return;
    case Kind::mqtt:
      if (needed(".mqtt")) check_mqtt(tag.mqtt, at + ".mqtt", findings);
      return;
    case Kind::opcua:
      if (needed(".opcua") && tag.opcua.node.find('=') == std::string::npos)
        findings.problem(at + ".opcua.node",
                         std::format("'{}' is no node; one is ns=2;s=NAME or ns=2;i=NUMBER", tag.opcua.node));
      return;
    case Kind::file:
      return;
    case Kind::sparkplug:
      if (needed(".sparkplug")) check_metric(tag.sparkplug, at + ".sparkplug", findings);
      return;
  }
}

void check_limits(const TagSettings& tag, const std::string& at, Findings& findings) {
  const std::pair<const char*, std::optional<double>> limits[] = {
      {"low_low", tag.low_low}, {"low", tag.low}, {"high", tag.high}, {"high_high", tag.high_high}};
  const char* before = nullptr;
  double least = 0;
  for (const auto& [key, limit] : limits) {
    if (!limit) continue;
    if (before != nullptr && *limit <= least)
      findings.problem(std::format("{}.{}", at, key),
                       std::format("{} must be above {}, which is {}", *limit, before, least));
    before = key;
    least = *limit;
  }
  if (tag.deadband > 0 && before == nullptr)
    findings.problem(at + ".deadband", "needs an alarm limit that it belongs to");
  if (tag.low && tag.high && *tag.low < *tag.high && tag.deadband >= *tag.high - *tag.low)
    findings.problem(at + ".deadband", std::format("{} leaves nothing between low and high", tag.deadband));
}

void check_filter(const TagSettings& tag, const std::string& at, Findings& findings) {
  if (tag.span_low.has_value() != tag.span_high.has_value())
    findings.problem(at + (tag.span_low ? ".span_high" : ".span_low"), "is missing; a span has two ends");
  else if (tag.span_low && *tag.span_low >= *tag.span_high)
    findings.problem(at + ".span_high", "must be above span_low");
  else if (tag.max_error_of_span && tag.max_error > 0 && !tag.span_low)
    findings.problem(at + ".max_error",
                     "is a share of the span: say span_low and span_high, or the error in the "
                     "tag's unit");
  if (tag.valid_low && tag.valid_high && *tag.valid_low >= *tag.valid_high)
    findings.problem(at + ".valid_high", "must be above valid_low");
  if (tag.summary_only && tag.max_error > 0)
    findings.problem(at + ".max_error", "contradicts summary_only: no values are sent that could have an error");
  check_limits(tag, at, findings);
}

bool is_tag_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '/';
  };
  return !name.empty() && name.size() <= kNameMax && std::ranges::all_of(name, allowed) && name.front() != '/' &&
         name.back() != '/' && !name.contains("//");
}

}  // namespace

bool is_topic_filter(const std::string& text) {
  if (text.empty() || text.size() > kTopicMax || text.contains('\0')) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '+' && text[i] != '#') continue;
    if (i > 0 && text[i - 1] != '/') return false;
    if (i + 1 < text.size() && (text[i] == '#' || text[i + 1] != '/')) return false;
  }
  return true;
}

bool is_json_pointer(const std::string& text) {
  if (!text.empty() && text[0] != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))) return false;
  return true;
}

void check_telemetry(const TelemetrySettings& telemetry, Findings& findings) {
  if (telemetry.sources.size() > kSourcesMax)
    findings.problem("tag_sources",
                     std::format("has {} sources; {} are the most", telemetry.sources.size(), kSourcesMax));
  if (telemetry.tags.size() > kTagsMax)
    findings.problem("tags", std::format("has {} tags; {} are the most", telemetry.tags.size(), kTagsMax));
  std::map<std::string, const TagSourceSettings*> sources;
  for (std::size_t i = 0; i < telemetry.sources.size(); ++i) {
    const std::string at = std::format("tag_sources[{}]", i);
    const TagSourceSettings& source = telemetry.sources[i];
    if (!sources.emplace(source.name, &source).second)
      findings.problem(at + ".name", std::format("the name '{}' is already that of another source", source.name));
    check_source(source, at, findings);
  }
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < telemetry.tags.size(); ++i) {
    const std::string at = std::format("tags[{}]", i);
    const TagSettings& tag = telemetry.tags[i];
    if (const auto [known, fresh] = names.try_emplace(tag.name, i); !fresh)
      findings.problem(at + ".name", std::format("the name '{}' is already that of tags[{}]", tag.name, known->second));
    if (!is_tag_name(tag.name))
      findings.problem(at + ".name", std::format("'{}' must be 1 to {} letters, digits, '_', '-' and '.', with single "
                                                 "'/' between them",
                                                 tag.name, kNameMax));
    if (tag.scale == 0) findings.problem(at + ".scale", "can't be 0: every value would be the offset");
    check_filter(tag, at, findings);
    const auto source = sources.find(tag.source);
    if (source == sources.end())
      findings.problem(at + ".source", std::format("there is no source '{}' in tag_sources", tag.source));
    else
      check_place(tag, *source->second, at, findings);
  }
}

}  // namespace lineside::config
