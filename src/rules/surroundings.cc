#include "rules/surroundings.h"

namespace lineside::rules {

Surroundings surroundings_of(const config::GatewaySettings& settings) {
  std::vector<TagInfo> tags;
  tags.reserve(settings.telemetry.tags.size());
  for (const config::TagSettings& tag : settings.telemetry.tags)
    tags.push_back({.name = tag.name, .unit = tag.unit, .max_silence = tag.max_silence});
  Surroundings around{.tags = TagList(std::move(tags))};
  for (const auto& station : settings.stations) around.captures.push_back(station.name);
  for (const auto& asset : settings.assets) around.captures.push_back(asset.name);
  return around;
}

}  // namespace lineside::rules
