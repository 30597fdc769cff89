#pragma once
// What the rules of a gateway may name, by its settings.
#include "config/gateway_settings.h"
#include "rules/rule.h"

namespace lineside::rules {

// The tags in the order of the settings, so that Sample::tag is their place.
Surroundings surroundings_of(const config::GatewaySettings& settings);

// The rules of all files that the settings name. Errors: as load_rules, of all files together.
Result<std::vector<Rule>> rules_of(const config::GatewaySettings& settings, const Surroundings& surroundings);

}  // namespace lineside::rules
