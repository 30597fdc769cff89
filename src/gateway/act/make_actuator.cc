#include "gateway/act/make_actuator.h"

#include "gateway/act/gpio_actuator.h"
#include "gateway/act/modbus_actuator.h"
#include "gateway/act/mqtt_actuator.h"

namespace lineside::gateway {

Result<std::unique_ptr<Actuator>> make_actuator(const config::ActuatorSettings& settings, Clock& clock) {
  using Kind = config::ActuatorSettings::Kind;
  switch (settings.kind) {
    case Kind::none:
      break;
    case Kind::gpio:
      if (settings.chip.empty()) return fail(ErrorCode::config_invalid, "a GPIO actuator needs its `chip`");
      return std::make_unique<GpioActuator>(settings, clock, make_gpiod_output_line(settings));
    case Kind::modbus:
      if (settings.at.host.empty()) return fail(ErrorCode::config_invalid, "a Modbus actuator needs its `host`");
      return std::make_unique<ModbusActuator>(settings, clock);
    case Kind::mqtt:
      if (settings.topic.empty()) return fail(ErrorCode::config_invalid, "an MQTT actuator needs its `topic`");
      return std::make_unique<MqttActuator>(settings, clock);
  }
  return nullptr;
}

}  // namespace lineside::gateway
