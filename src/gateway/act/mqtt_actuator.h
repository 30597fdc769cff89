#pragma once
// A rejector behind an MQTT broker (MQTT 3.1.1, QoS 1, TLS): fire() publishes one message and waits for the broker's
// puback. The device makes the pulse itself and must ignore a message that comes after `expires` (docs/actuators.md).
#include <memory>
#include <string>

#include "base/clock.h"
#include "config/gateway_settings.h"
#include "gateway/api/actuator.h"

namespace lineside::gateway {

// A connection whose message was not acknowledged in time is thrown away with the message in it, so that a late
// reconnection can't deliver the hit for an item that has gone; the next call makes a new one. Nothing waits for a name
// server beyond its deadline; certificates and password file are read when connecting.
class MqttActuator final : public Actuator {
 public:
  MqttActuator(const config::ActuatorSettings& settings, Clock& clock);
  ~MqttActuator() override;
  Result<void> open(MonoTime deadline) override;
  Result<void> fire(const ActuationCommand& command) override;
  Result<void> probe(MonoTime deadline) override;
  Result<void> go_safe(MonoTime deadline) override;

 private:
  class Connection;
  Result<void> connect(MonoTime deadline);
  Result<void> publish(const std::string& payload, MonoTime deadline);
  std::string broker() const;

  const config::ActuatorSettings settings_;
  Clock& clock_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace lineside::gateway
