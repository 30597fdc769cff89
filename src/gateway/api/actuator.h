#pragma once
// What removes an item from the line: a GPIO line, a Modbus coil, an MQTT message.
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::gateway {

struct ActuationCommand {
  std::uint64_t item = 0;
  MonoTime fire_at{};  // when the item is in front of the rejector; the caller calls fire() at that moment
  MonoTime give_up{};  // later than this the item has gone: report timeout instead of hitting the next one
};

// Used by one thread only, the station's actuation thread. Every call has a deadline and may block until then.
class Actuator {
 public:
  virtual ~Actuator() = default;
  // Connects or claims; calling it again after a failure tries again.
  virtual Result<void> open(MonoTime deadline) = 0;
  // One pulse for one item, with read-back where the device has one. Errors: actuator_unreachable, timeout.
  virtual Result<void> fire(const ActuationCommand& command) = 0;
  // Is it still there? Called when idle. Errors: actuator_unreachable.
  virtual Result<void> probe(MonoTime deadline) = 0;
  // Brings it into the state configured as safe (e.g. reject everything); best effort when unreachable.
  virtual Result<void> go_safe(MonoTime deadline) = 0;
};

}  // namespace lineside::gateway
