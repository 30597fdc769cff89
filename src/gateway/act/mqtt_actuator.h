#pragma once
// A rejector behind an MQTT broker (MQTT 3.1.1, QoS 1): fire() publishes one message and waits for the broker's puback.
// The device makes the pulse itself and must ignore a message that comes after `expires` (docs/actuators.md).
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "config/gateway_settings.h"
#include "gateway/api/actuator.h"

struct mosquitto;

namespace lineside::gateway {

// A client whose message was not acknowledged in time is thrown away with the message in it, so that a late
// reconnection can't deliver the hit for an item that has gone; the next call makes a new one.
class MqttActuator final : public Actuator {
 public:
  MqttActuator(const config::ActuatorSettings& settings, Clock& clock);
  ~MqttActuator() override;
  Result<void> open(MonoTime deadline) override;
  Result<void> fire(const ActuationCommand& command) override;
  Result<void> probe(MonoTime deadline) override;
  Result<void> go_safe(MonoTime deadline) override;

 private:
  class Client;
  Result<void> connect(MonoTime deadline);
  Result<void> publish(const std::string& payload, bool retain, MonoTime deadline);

  const config::ActuatorSettings settings_;
  Clock& clock_;
  std::unique_ptr<Client> client_;
};

}  // namespace lineside::gateway
