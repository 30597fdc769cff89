#include "config/grants.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>
#include <utility>
#include <vector>

#include "base/time_text.h"

namespace lineside::config {
namespace {

using SourceKind = TagSourceSettings::Kind;
using Area = ModbusTagSettings::Area;
using Type = ModbusTagSettings::Type;

constexpr double kAny = 1e300, kDayMs = 86'400'000, kWholeMax = 9'007'199'254'740'992;  // 2^53
// A value is taken as whole when it is so near: 0.1 * 3 is not 0.3.
constexpr double kNearlyWhole = 1e-6;
constexpr std::size_t kGrantsMax = 1000;

std::pair<double, double> whole_range(Type type) {
  switch (type) {
    case Type::uint16:
      return {0, 65'535};
    case Type::int16:
      return {-32'768, 32'767};
    case Type::uint32:
      return {0, 4'294'967'295.0};
    case Type::int32:
      return {-2'147'483'648.0, 2'147'483'647.0};
    case Type::uint64:
      return {0, kWholeMax};
    default:
      return {-kWholeMax, kWholeMax};
  }
}

Result<double> whole(const TagSettings& tag, double raw, std::pair<double, double> range) {
  const double nearest = std::round(raw);
  if (nearest < range.first || nearest > range.second)
    return fail(ErrorCode::config_invalid,
                std::format("it would be {:.6g} in the device, which holds {} to {}", raw, range.first, range.second));
  if (std::abs(raw - nearest) > kNearlyWhole * std::max(1.0, std::abs(raw)))
    return fail(ErrorCode::config_invalid,
                std::format("the device holds whole numbers, so that the tag goes in steps of {:.6g}; write {:.6g}",
                            std::abs(tag.scale), nearest * tag.scale + tag.offset));
  return nearest;
}

int bits_or_registers(const ModbusTagSettings& tag) {
  return tag.area == Area::coil || tag.area == Area::discrete ? 1 : registers_of(tag.type);
}

void check_range(const GrantSettings& grant, const TagSettings& tag, SourceKind kind, const std::string& at,
                 Findings& findings) {
  if (grant.min > grant.max) return findings.problem(at + ".max", "is below min");
  if (tag.valid_low && grant.min < *tag.valid_low)
    findings.problem(at + ".min", std::format("is below the tag's valid_low, {}", *tag.valid_low));
  if (tag.valid_high && grant.max > *tag.valid_high)
    findings.problem(at + ".max", std::format("is above the tag's valid_high, {}", *tag.valid_high));
  for (const auto& [key, value] : {std::pair{".min", grant.min}, {".max", grant.max}})
    if (const auto raw = raw_of(tag, kind, value); !raw) findings.problem(at + key, raw.error().message);
}

void check_grant(const GrantSettings& grant, const TagSettings& tag, SourceKind kind, const std::string& at,
                 Findings& findings) {
  if (const std::string why = why_not_writable(tag, kind); !why.empty())
    return findings.problem(at + ".tag", std::format("'{}' can't be written: {}", tag.name, why));
  if (grant.unit != tag.unit)
    findings.problem(at + ".unit",
                     tag.unit.empty() ? std::format("is {}, but the tag has no unit", grant.unit)
                                      : std::format("must be that of the tag, {}, in which min and max are", tag.unit));
  check_range(grant, tag, kind, at, findings);
}

}  // namespace

Table<GrantSettings> grant_table() {
  using Grant = GrantSettings;
  return Table<Grant>("A grant")
      .text("tag", &Grant::tag, TextRule::any,
            "The tag that may be written, by way of its own source: a Modbus holding register or coil, or an OPC UA "
            "node. A tag has one grant at most.")
      .required()
      .text_list("rules", &Grant::rules, TextRule::name, "Names of the rules that may write it; no others.")
      .required()
      .text("unit", &Grant::unit, TextRule::any, "The tag's unit, in which min and max are; must be the same.")
      .number("min", &Grant::min, "", -kAny, kAny, "Nothing below is ever written.")
      .required()
      .number("max", &Grant::max, "", -kAny, kAny, "Nothing above is ever written.")
      .required()
      .integer("per_hour_max", &Grant::per_hour_max, "", 1, 3600,
               "So many writes within any 60 minutes; more are refused.")
      .milliseconds("pause_ms", &Grant::pause, 1000, kDayMs, "So long after a write the next one is refused.")
      .text("expires", &Grant::expires, TextRule::any,
            "When the grant ends, as 2027-06-30T00:00:00Z; afterwards every write is refused.")
      .required();
}

std::string why_not_writable(const TagSettings& tag, SourceKind kind) {
  if (kind == SourceKind::opcua) return tag.opcua.element >= 0 ? "an element of an array can't be written alone" : "";
  if (kind != SourceKind::modbus) return "only sources of kind modbus and opcua can write";
  if (tag.modbus.area == Area::input || tag.modbus.area == Area::discrete)
    return "input registers and discrete inputs are read only; holding registers and coils can be written";
  if (tag.modbus.bit >= 0) return "a bit of a register can't be written without the others";
  return "";
}

Result<double> raw_of(const TagSettings& tag, SourceKind kind, double value) {
  const double raw = (value - tag.offset) / tag.scale;
  if (!std::isfinite(raw)) return fail(ErrorCode::config_invalid, "is no number that can be written");
  if (kind != SourceKind::modbus) return raw;
  if (tag.modbus.area == Area::coil) return whole(tag, raw, {0, 1});
  if (tag.modbus.type == Type::float64) return raw;
  if (tag.modbus.type != Type::float32) return whole(tag, raw, whole_range(tag.modbus.type));
  if (std::abs(raw) > static_cast<double>(std::numeric_limits<float>::max()))
    return fail(ErrorCode::config_invalid, "is more than a float32 holds");
  return static_cast<double>(static_cast<float>(raw));
}

bool same_place(const TagSettings& a, const TagSettings& b, SourceKind kind) {
  if (a.source != b.source) return false;
  if (kind == SourceKind::opcua) return a.opcua.node == b.opcua.node;
  if (kind != SourceKind::modbus || a.modbus.unit != b.modbus.unit || a.modbus.area != b.modbus.area) return false;
  return a.modbus.address < b.modbus.address + bits_or_registers(b.modbus) &&
         b.modbus.address < a.modbus.address + bits_or_registers(a.modbus);
}

WallTime expires_at(const GrantSettings& grant) { return from_iso8601(grant.expires).value_or(WallTime{}); }

void check_grants(const GatewaySettings& settings, Findings& findings) {
  if (settings.grants.size() > kGrantsMax)
    findings.problem("grants", std::format("has {} grants; {} are the most", settings.grants.size(), kGrantsMax));
  const auto& sources = settings.telemetry.sources;
  const auto& tags = settings.telemetry.tags;
  std::vector<std::pair<const TagSettings*, SourceKind>> granted;
  for (std::size_t i = 0; i < settings.grants.size(); ++i) {
    const GrantSettings& grant = settings.grants[i];
    const std::string at = std::format("grants[{}]", i);
    if (grant.rules.empty()) findings.problem(at + ".rules", "is empty; name the rules that may write the tag");
    if (!from_iso8601(grant.expires))
      findings.problem(at + ".expires",
                       std::format("'{}' is no time with a zone; one is 2027-06-30T00:00:00Z", grant.expires));
    const auto tag = std::ranges::find(tags, grant.tag, &TagSettings::name);
    if (tag == tags.end()) {
      findings.problem(at + ".tag", std::format("there is no tag '{}'", grant.tag));
      continue;
    }
    const auto source = std::ranges::find(sources, tag->source, &TagSourceSettings::name);
    if (source == sources.end()) continue;  // a mistake of the tag
    check_grant(grant, *tag, source->kind, at, findings);
    for (const auto& [other, kind] : granted)
      if (other == &*tag || same_place(*other, *tag, kind))
        findings.problem(at + ".tag", std::format("another grant is for the same place, that of '{}'", other->name));
    granted.emplace_back(&*tag, source->kind);
  }
}

}  // namespace lineside::config
