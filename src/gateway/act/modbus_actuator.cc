#include "gateway/act/modbus_actuator.h"

#include <modbus.h>

#include <array>
#include <cerrno>
#include <format>

namespace lineside::gateway {

using namespace std::chrono_literals;
using SafeState = config::ActuatorSettings::SafeState;

void ModbusActuator::close(modbus_t* context) {
  modbus_close(context);
  modbus_free(context);
}

ModbusActuator::ModbusActuator(const config::ActuatorSettings& settings, Clock& clock)
    : settings_(settings),
      clock_(clock),
      names_(settings.at.host),
      timer_(std::make_unique<PulseTimer>([this](const PulseTimer& timer) { return end_pulse(timer); })) {}

ModbusActuator::~ModbusActuator() { timer_.reset(); }

std::unexpected<Error> ModbusActuator::too_late(const std::string& what) const {
  return fail(ErrorCode::timeout,
              std::format("Modbus {}:{} unit {}: {}", settings_.at.host, settings_.at.port, settings_.unit, what));
}

// Says why libmodbus failed. An exception is an answer: the connection is sound and stays.
std::unexpected<Error> ModbusActuator::failed(const std::string& what) {
  const int why = errno;
  const bool exception = why > MODBUS_ENOBASE && why < EMBBADCRC;
  if (!exception) {
    context_.reset();
    connected_ = false;
  }
  return fail(ErrorCode::actuator_unreachable,
              std::format("Modbus {}:{} unit {}: {}: {}{}", settings_.at.host, settings_.at.port, settings_.unit, what,
                          exception ? "it answers with the exception " : "", modbus_strerror(why)));
}

// The rest of the time until `deadline`, at most the configured timeout, for the next exchange.
Result<void> ModbusActuator::limit_time(MonoTime deadline) {
  const auto rest = std::min<nanoseconds>(deadline - clock_.mono(), settings_.timeout);
  if (rest <= 0ns) return too_late("no time is left to reach it");
  const auto us = std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::microseconds>(rest).count());
  const auto part = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
  modbus_set_response_timeout(context_.get(), part(us / 1'000'000), part(us % 1'000'000));
  // Answers come in one piece; a device that trickles them, some twelve bytes, may double the time but not more.
  const auto byte_us = std::max<std::int64_t>(1, us / 12);
  modbus_set_byte_timeout(context_.get(), part(byte_us / 1'000'000), part(byte_us % 1'000'000));
  return {};
}

Result<std::unique_lock<std::timed_mutex>> ModbusActuator::lock(MonoTime deadline) {
  const auto rest = std::min<nanoseconds>(deadline - clock_.mono(), settings_.timeout);
  std::unique_lock lock(mutex_, std::max<nanoseconds>(rest, 0ns));
  if (!lock) return too_late("busy with ending a pulse");
  return lock;
}

// A name may have several addresses of which only one answers (localhost: ::1 and 127.0.0.1).
Result<void> ModbusActuator::connect(MonoTime deadline) {
  if (connected_) return {};
  const auto rest = std::min<nanoseconds>(deadline - clock_.mono(), settings_.timeout);
  const auto addresses = names_.addresses(std::max<nanoseconds>(rest, 0ns));
  if (!addresses)
    return fail(ErrorCode::actuator_unreachable,
                std::format("Modbus {}:{}: {}", settings_.at.host, settings_.at.port, addresses.error().message));
  Result<void> done;
  for (std::size_t tries = 0; tries < addresses->size(); ++tries, ++next_address_)
    if (done = connect_to((*addresses)[next_address_ % addresses->size()], deadline); done) break;
  return done;
}

Result<void> ModbusActuator::connect_to(const std::string& address, MonoTime deadline) {
  const std::string service = std::to_string(settings_.at.port);
  context_.reset(modbus_new_tcp_pi(address.c_str(), service.c_str()));
  if (!context_ || modbus_set_slave(context_.get(), settings_.unit) != 0) return failed("its address is not usable");
  LINESIDE_TRY(limit_time(deadline));
  if (modbus_connect(context_.get()) != 0) return failed("no connection");
  connected_ = true;
  return {};
}

Result<void> ModbusActuator::write_coil(int coil, bool on, MonoTime deadline) {
  LINESIDE_TRY(limit_time(deadline));
  if (modbus_write_bit(context_.get(), coil, on ? 1 : 0) != 1)
    return failed(std::format("coil {} can't be switched {}", coil, on ? "on" : "off"));
  return {};
}

Result<void> ModbusActuator::confirm_coil(int coil, bool on, MonoTime deadline) {
  if (!settings_.read_back) return {};
  LINESIDE_TRY(limit_time(deadline));
  std::uint8_t value = 0;
  if (modbus_read_bits(context_.get(), coil, 1, &value) != 1) return failed(std::format("coil {} can't be read", coil));
  if ((value != 0) == on) return {};
  return fail(ErrorCode::actuator_unreachable,
              std::format("Modbus {}:{} unit {}: coil {} was switched {} but reads back {}", settings_.at.host,
                          settings_.at.port, settings_.unit, coil, on ? "on" : "off", on ? "off" : "on"));
}

Result<void> ModbusActuator::write_item(std::uint64_t item, MonoTime deadline) {
  if (settings_.item_register < 0) return {};
  LINESIDE_TRY(limit_time(deadline));
  const std::array<std::uint16_t, 2> words{static_cast<std::uint16_t>(item >> 16), static_cast<std::uint16_t>(item)};
  if (modbus_write_registers(context_.get(), settings_.item_register, words.size(), words.data()) !=
      static_cast<int>(words.size()))
    return failed(std::format("the item number can't be written into register {}", settings_.item_register));
  return {};
}

// Connects and brings the device into its working state: output off (a gateway that died may have left it on), safe
// state ended.
Result<void> ModbusActuator::open(MonoTime deadline) {
  LINESIDE_ASSIGN(const auto held, lock(deadline));
  LINESIDE_TRY(connect(deadline));
  LINESIDE_TRY(write_coil(settings_.coil, false, deadline));
  timer_->cancel();  // not before: as long as the output may be on, somebody goes on trying to end its pulse
  if (settings_.safe_coil >= 0) LINESIDE_TRY(write_coil(settings_.safe_coil, false, deadline));
  return {};
}

Result<void> ModbusActuator::fire(const ActuationCommand& command) {
  const MonoTime now = clock_.mono();
  if (now > command.give_up) return too_late(std::format("item {} had gone by before it was reached", command.item));
  const MonoTime deadline = std::min(command.give_up, now + settings_.timeout);
  LINESIDE_ASSIGN(const auto held, lock(deadline));
  timer_->cancel();
  auto done = hit(command, deadline);
  // Armed after a failure as well: the write may have arrived although its answer did not.
  timer_->arm(settings_.pulse);
  return done;
}

Result<void> ModbusActuator::hit(const ActuationCommand& command, MonoTime deadline) {
  LINESIDE_TRY(connect(deadline));
  LINESIDE_TRY(write_item(command.item, deadline));
  LINESIDE_TRY(write_coil(settings_.coil, true, deadline));
  return confirm_coil(settings_.coil, true, deadline);
}

bool ModbusActuator::end_pulse(const PulseTimer& timer) {
  const std::lock_guard lock(mutex_);
  if (!timer.due()) return true;
  const MonoTime deadline = clock_.mono() + settings_.timeout;
  return connect(deadline) && write_coil(settings_.coil, false, deadline);
}

Result<void> ModbusActuator::probe(MonoTime deadline) {
  LINESIDE_ASSIGN(const auto held, lock(deadline));
  LINESIDE_TRY(connect(deadline));
  LINESIDE_TRY(limit_time(deadline));
  std::uint8_t value = 0;
  if (modbus_read_bits(context_.get(), settings_.coil, 1, &value) != 1)
    return failed(std::format("coil {} can't be read", settings_.coil));
  if (timer_->overdue())
    return fail(ErrorCode::actuator_unreachable,
                std::format("Modbus {}:{} unit {}: coil {} can't be switched off", settings_.at.host, settings_.at.port,
                            settings_.unit, settings_.coil));
  return {};
}

Result<void> ModbusActuator::go_safe(MonoTime deadline) {
  if (settings_.safe_state == SafeState::hold) return {};
  LINESIDE_ASSIGN(const auto held, lock(deadline));
  const bool reject_all = settings_.safe_state == SafeState::reject_all;
  const int coil = settings_.safe_coil >= 0 ? settings_.safe_coil : settings_.coil;
  LINESIDE_TRY(connect(deadline));
  LINESIDE_TRY(write_coil(coil, reject_all, deadline));
  if (settings_.safe_coil >= 0) LINESIDE_TRY(write_coil(settings_.coil, false, deadline));
  timer_->cancel();  // the output is as it should be
  return confirm_coil(coil, reject_all, deadline);
}

}  // namespace lineside::gateway
