#pragma once
// What the rules of a gateway may name, by its settings.
#include "config/gateway_settings.h"
#include "rules/rule.h"

namespace lineside::rules {

// The tags in the order of the settings, so that Sample::tag is their place.
Surroundings surroundings_of(const config::GatewaySettings& settings);

}  // namespace lineside::rules
