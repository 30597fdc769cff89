#pragma once
// Makes the actuator that a configuration names. Timing, read-back and safe states of each kind: docs/actuators.md.
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/actuator.h"

namespace lineside::gateway {

// Not yet opened: call open(). Null for Kind::none, a station that only watches. `clock` must outlive it.
// Errors: config_invalid (a setting that this kind needs is empty).
//
// All kinds: fire() returns when the output is on and, where there is a read-back, confirmed; it never waits for the
// end of the pulse, which is ended by a timer of the actuator's own. A fire() while the pulse before is still on
// prolongs it. The destructor ends a running pulse and leaves the output off (bounded by the configured timeout).
Result<std::unique_ptr<Actuator>> make_actuator(const config::ActuatorSettings& settings, Clock& clock);

}  // namespace lineside::gateway
