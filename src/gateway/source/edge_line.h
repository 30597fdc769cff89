#pragma once
// The seam between the trigger's logic and the kernel's GPIO character device, so that the logic is tested without one.
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/gateway_settings.h"

namespace lineside::gateway {

struct Edge {
  MonoTime time{};             // stamped by the kernel's interrupt handler, CLOCK_MONOTONIC
  std::uint64_t sequence = 0;  // counts every edge of the line; a jump: the kernel's queue ran over
};

// One thread.
class EdgeLine {
 public:
  virtual ~EdgeLine() = default;  // releases the line
  // Claims the line, or claims it again. Errors: trigger_unavailable (which line, and the system's reason).
  virtual Result<void> open() = 0;
  // Replaces `edges` by those that came, waiting at most `wait_max`; none is no error. Errors: trigger_unavailable.
  virtual Result<void> wait(nanoseconds wait_max, std::vector<Edge>& edges) = 0;
};

// libgpiod v2 on /dev/gpiochipN.
std::unique_ptr<EdgeLine> make_gpiod_edge_line(const config::TriggerSettings& settings, const std::string& consumer);

}  // namespace lineside::gateway
