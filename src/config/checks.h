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

}  // namespace lineside::config
