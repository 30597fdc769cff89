#include "rules/surroundings.h"

#include <algorithm>
#include <iterator>

#include "config/grants.h"

namespace lineside::rules {
namespace {

void add_grant(const config::TelemetrySettings& telemetry, const config::GrantSettings& grant, Surroundings& around) {
  const auto tag = around.tags.find(grant.tag);
  if (!tag) return;
  const config::TagSettings& where = telemetry.tags[*tag];
  const auto source = std::ranges::find(telemetry.sources, where.source, &config::TagSourceSettings::name);
  if (source == telemetry.sources.end()) return;
  around.grants.push_back({.tag = *tag, .terms = grant, .where = where, .kind = source->kind, .moves = {}});
  for (std::size_t i = 0; i < telemetry.tags.size(); ++i)
    if (i == *tag || config::same_place(where, telemetry.tags[i], source->kind))
      around.grants.back().moves.push_back(i);
}

}  // namespace

Surroundings surroundings_of(const config::GatewaySettings& settings) {
  std::vector<TagInfo> tags;
  tags.reserve(settings.telemetry.tags.size());
  for (const config::TagSettings& tag : settings.telemetry.tags) {
    const auto source = std::ranges::find(settings.telemetry.sources, tag.source, &config::TagSourceSettings::name);
    // Its server or edge node tells each change, and session or death when it is gone: silence says that nothing has
    // changed.
    const bool tells_changes =
        source != settings.telemetry.sources.end() && (source->kind == config::TagSourceSettings::Kind::opcua ||
                                                       source->kind == config::TagSourceSettings::Kind::sparkplug);
    tags.push_back(
        {.name = tag.name, .unit = tag.unit, .max_silence = tells_changes ? nanoseconds{} : tag.max_silence});
  }
  Surroundings around{.tags = TagList(std::move(tags))};
  for (const config::TagSourceSettings& source : settings.telemetry.sources)
    if (source.kind == config::TagSourceSettings::Kind::mqtt) around.brokers.push_back(source.name);
  for (std::size_t i = 0; i < settings.telemetry.tags.size(); ++i)
    if (const std::string& filter = settings.telemetry.tags[i].mqtt.topic; !filter.empty())
      around.topics.push_back({i, filter});
  for (const config::GrantSettings& grant : settings.grants) add_grant(settings.telemetry, grant, around);
  for (const auto& station : settings.stations) around.captures.push_back(station.name);
  for (const auto& asset : settings.assets) around.captures.push_back(asset.name);
  return around;
}

Result<std::vector<Rule>> rules_of(const config::GatewaySettings& settings, const Surroundings& surroundings) {
  std::vector<Rule> all;
  std::optional<Error> failed;
  for (const std::string& file : settings.rules) {
    auto rules = load_rules(file, surroundings, all);
    if (rules)
      std::ranges::move(*rules, std::back_inserter(all));
    else if (failed)
      failed->message += "\n" + rules.error().message;
    else
      failed = rules.error();
  }
  if (failed) return std::unexpected(*failed);
  return all;
}

}  // namespace lineside::rules
