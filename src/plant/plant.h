#pragma once
// The whole simulated plant: its lines, their cameras and rejectors, and the troubles that can be ordered.
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "config/plant_settings.h"

namespace lineside::plant {

// Lines start spread over one period, so that many of them load the machine evenly. Stops when destroyed.
class Plant {
 public:
  // Errors: address_in_use, file_io (truth file), runtime_unavailable (a GStreamer element is missing).
  static Result<std::unique_ptr<Plant>> start(const config::PlantSettings& settings, Clock& clock);
  ~Plant();

  // One order: `camera LINE ok|freeze|off|resize`, `rejector LINE ok|silent|gone`, `machine NAME FAULT [SEVERITY]`
  // (machine_signal.h), `sensor NAME TROUBLE` (machine.h) or `instruments TROUBLE` (tag_plant.h). `all` means every
  // line or machine. Errors: usage. Thread-safe.
  Result<void> order(std::string_view text);

 private:
  Result<bool> order_machine(std::string_view text);
  struct State;
  explicit Plant(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::plant
