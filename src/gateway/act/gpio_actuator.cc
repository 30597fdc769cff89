#include "gateway/act/gpio_actuator.h"

#include <format>

namespace lineside::gateway {

using SafeState = config::ActuatorSettings::SafeState;

GpioActuator::GpioActuator(const config::ActuatorSettings& settings, Clock& clock, std::unique_ptr<OutputLine> line)
    : settings_(settings),
      clock_(clock),
      line_(std::move(line)),
      timer_(std::make_unique<PulseTimer>([this](const PulseTimer& timer) { return end_pulse(timer); })) {}

GpioActuator::~GpioActuator() { timer_.reset(); }

bool GpioActuator::end_pulse(const PulseTimer& timer) {
  const std::lock_guard lock(mutex_);
  return !timer.due() || line_->set(false).has_value();
}

Result<void> GpioActuator::open(MonoTime) {
  const std::lock_guard lock(mutex_);
  LINESIDE_TRY(line_->open());
  timer_->cancel();  // not before: as long as the output may be on, somebody goes on trying to end its pulse
  return {};
}

Result<void> GpioActuator::fire(const ActuationCommand& command) {
  if (clock_.mono() > command.give_up)
    return fail(ErrorCode::timeout, std::format("item {} had gone by before the output was switched", command.item));
  const std::lock_guard lock(mutex_);
  timer_->arm(settings_.pulse);
  LINESIDE_TRY(line_->set(true));
  LINESIDE_ASSIGN(const bool on, line_->get());
  if (!on)
    return fail(ErrorCode::actuator_unreachable,
                std::format("output line {} of {} was switched on but reads back off", settings_.line, settings_.chip));
  return {};
}

Result<void> GpioActuator::probe(MonoTime) {
  if (timer_->overdue())
    return fail(ErrorCode::actuator_unreachable,
                std::format("output line {} of {} can't be switched off", settings_.line, settings_.chip));
  const std::lock_guard lock(mutex_);
  LINESIDE_TRY(line_->get());
  return {};
}

Result<void> GpioActuator::go_safe(MonoTime) {
  if (settings_.safe_state == SafeState::hold) return {};
  const bool on = settings_.safe_state == SafeState::reject_all;
  const std::lock_guard lock(mutex_);
  LINESIDE_TRY(line_->set(on));
  timer_->cancel();  // the output is as it should be
  LINESIDE_ASSIGN(const bool reads, line_->get());
  if (reads == on) return {};
  return fail(ErrorCode::actuator_unreachable,
              std::format("output line {} of {} was switched {} for the safe state but reads back {}", settings_.line,
                          settings_.chip, on ? "on" : "off", reads ? "on" : "off"));
}

}  // namespace lineside::gateway
