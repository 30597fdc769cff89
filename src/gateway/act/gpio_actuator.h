#pragma once
// A rejector on a GPIO output: on at fire(), read back, off by the pulse timer.
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "config/gateway_settings.h"
#include "gateway/act/output_line.h"
#include "gateway/act/pulse_timer.h"
#include "gateway/api/actuator.h"

namespace lineside::gateway {

class GpioActuator final : public Actuator {
 public:
  GpioActuator(const config::ActuatorSettings& settings, Clock& clock, std::unique_ptr<OutputLine> line);
  ~GpioActuator() override;
  Result<void> open(MonoTime deadline) override;
  Result<void> fire(const ActuationCommand& command) override;
  Result<void> probe(MonoTime deadline) override;
  Result<void> go_safe(MonoTime deadline) override;

 private:
  bool end_pulse(const PulseTimer& timer);

  const config::ActuatorSettings settings_;
  Clock& clock_;
  std::mutex mutex_;  // one ioctl long
  const std::unique_ptr<OutputLine> line_;
  std::unique_ptr<PulseTimer> timer_;
};

}  // namespace lineside::gateway
