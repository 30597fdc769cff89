#pragma once
// A rejector on a Modbus TCP coil (MODBUS Application Protocol V1.1b3, functions 01, 05 and 16).
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/host_names.h"
#include "base/owned.h"
#include "config/gateway_settings.h"
#include "gateway/act/pulse_timer.h"
#include "gateway/api/actuator.h"

typedef struct _modbus modbus_t;

namespace lineside::gateway {

// fire(): the item number into two holding registers (high word first) where configured, the coil on, the coil read
// back. One connection; a failed exchange closes it and the next call opens it again, within its own deadline. Every
// exchange ends within `timeout` and the call's deadline.
class ModbusActuator final : public Actuator {
 public:
  ModbusActuator(const config::ActuatorSettings& settings, Clock& clock);
  ~ModbusActuator() override;
  Result<void> open(MonoTime deadline) override;
  Result<void> fire(const ActuationCommand& command) override;
  Result<void> probe(MonoTime deadline) override;
  Result<void> go_safe(MonoTime deadline) override;

 private:
  static void close(modbus_t* context);
  Result<std::unique_lock<std::timed_mutex>> lock(MonoTime deadline);
  Result<void> connect(MonoTime deadline);
  Result<void> connect_to(const std::string& address, MonoTime deadline);
  Result<void> limit_time(MonoTime deadline);
  Result<void> write_coil(int coil, bool on, MonoTime deadline);
  Result<void> confirm_coil(int coil, bool on, MonoTime deadline);
  Result<void> write_item(std::uint64_t item, MonoTime deadline);
  Result<void> hit(const ActuationCommand& command, MonoTime deadline);
  bool end_pulse(const PulseTimer& timer);
  std::unexpected<Error> failed(const std::string& what);
  std::unexpected<Error> too_late(const std::string& what) const;

  const config::ActuatorSettings settings_;
  Clock& clock_;
  HostNames names_;
  std::timed_mutex mutex_;  // held for one exchange; guards what follows
  Owned<modbus_t, close> context_;
  bool connected_ = false;
  std::size_t next_address_ = 0;  // the one that worked last, or the one after that which did not
  std::unique_ptr<PulseTimer> timer_;
};

}  // namespace lineside::gateway
