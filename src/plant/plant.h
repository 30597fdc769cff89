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

  // One order: `camera LINE ok|freeze|off|resize` or `rejector LINE ok|silent|gone`. LINE `all` means every line.
  // Errors: usage. Thread-safe.
  Result<void> order(std::string_view text);

 private:
  struct State;
  explicit Plant(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::plant
