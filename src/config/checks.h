#pragma once
// Checks that look at several keys together, or at the files that keys name. Each adds its problems to `findings`.
#include "config/gateway_settings.h"
#include "config/hub_settings.h"
#include "config/plant_settings.h"
#include "config/reader.h"

namespace lineside::config {

void check_gateway(const GatewaySettings& settings, Findings& findings);
void check_hub(const HubSettings& settings, Findings& findings);
void check_plant(const PlantSettings& settings, Findings& findings);

// Parts of them. `before` stands before each key of the broker. `plain`: without TLS on another machine's broker too;
// `unless` says how that is allowed.
void check_broker(const std::string& before, const BrokerAccess& broker, Findings& findings, bool plain = false,
                  const std::string& unless = {});
// `looked_for` needed_by_all: without this file nothing runs; here: only one part does not.
void check_readable(const std::string& path, const std::string& key, Findings& findings,
                    NamedFiles looked_for = NamedFiles::here);

}  // namespace lineside::config
