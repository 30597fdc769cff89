#pragma once
// Blocks as MQTT messages, one topic for each asset, one connection for all of them.
#include <memory>

#include "config/asset_settings.h"
#include "gateway/waveform/intake.h"
#include "mqtt/mqtt_client.h"

namespace lineside::gateway {

// The blocks come on the MQTT client's thread, at QoS 0: a block that is lost is a gap, and no block comes twice.
class MqttWaveforms final : public WaveformSource, private mqtt::Handler {
 public:
  MqttWaveforms(const config::WaveformSourceSettings& settings, Clock& clock, MetricsRegistry& metrics);
  ~MqttWaveforms() override;
  void add(const std::string& topic, WaveformSink& sink) override { intake_.add(topic, sink); }
  // Errors: those of mqtt::Client::start.
  Result<void> start() override;
  void ask_to_stop() override {}  // the client ends within 2 s

 private:
  void on_connected() override;
  void on_disconnected(const std::string& why) override;
  std::vector<std::string> on_subscription_refused(const std::string& topic) override;
  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override;

  const config::WaveformSourceSettings settings_;
  Intake intake_;
  std::unique_ptr<mqtt::Client> client_;
};

}  // namespace lineside::gateway
