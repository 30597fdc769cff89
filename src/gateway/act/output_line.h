#pragma once
// The seam between the GPIO actuator's logic and the kernel's GPIO character device.
#include <memory>

#include "base/result.h"
#include "config/gateway_settings.h"

namespace lineside::gateway {

// set() may be called from two threads, never at the same time as open().
class OutputLine {
 public:
  virtual ~OutputLine() = default;  // switches off and releases the line
  // Claims the line as an output that is off, or claims it again. Errors: actuator_unreachable.
  virtual Result<void> open() = 0;
  virtual Result<void> set(bool on) = 0;
  virtual Result<bool> get() = 0;
};

// libgpiod v2 on /dev/gpiochipN; active_low is done by the kernel.
std::unique_ptr<OutputLine> make_gpiod_output_line(const config::ActuatorSettings& settings);

}  // namespace lineside::gateway
