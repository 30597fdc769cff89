#include "gateway/waveform/mqtt_waveforms.h"

#include <format>

#include "gateway/waveform/block_format.h"

namespace lineside::gateway {

MqttWaveforms::MqttWaveforms(const config::WaveformSourceSettings& settings, Clock& clock, MetricsRegistry& metrics)
    : settings_(settings), intake_(settings.name, clock, metrics) {}

MqttWaveforms::~MqttWaveforms() { client_.reset(); }

Result<void> MqttWaveforms::start() {
  mqtt::ClientOptions options;
  options.broker = settings_.at;
  options.reconnect_min = settings_.reconnect_min;
  options.reconnect_max = settings_.reconnect_max;
  options.subscription_qos = 0;
  for (const auto& [topic, sink] : intake_.sinks()) options.subscriptions.push_back(topic);
  LINESIDE_ASSIGN(client_, mqtt::Client::start(options, *this));
  return {};
}

void MqttWaveforms::on_connected() { intake_.tell(true, ""); }

std::vector<std::string> MqttWaveforms::on_subscription_refused(const std::string& topic) {
  intake_.sinks().at(topic)->on_source(false, std::format("the broker refuses the subscription to {}", topic));
  return {};
}

void MqttWaveforms::on_disconnected(const std::string& why) {
  intake_.tell(false, std::format("the broker {}:{} of '{}' can't be reached: {}", settings_.at.host, settings_.at.port,
                                  settings_.name, why));
}

void MqttWaveforms::on_message(std::string_view topic, std::span<const std::uint8_t> payload) {
  intake_.take(std::string(topic), parse_block(payload));
}

}  // namespace lineside::gateway
