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
  LINESIDE_ASSIGN(client_, mqtt::Client::start(options, *this));
  running_ = client_.get();
  // It may have connected before we knew it.
  if (subscribe_later_.exchange(false)) on_connected();
  return {};
}

void MqttWaveforms::on_connected() {
  mqtt::Client* client = running_;
  if (client == nullptr) {
    subscribe_later_ = true;
    if (running_ == nullptr || !subscribe_later_.exchange(false)) return;
    client = running_;
  }
  intake_.tell(true, "");
  for (const auto& [topic, sink] : intake_.sinks())
    if (auto asked = client->subscribe(topic, 0); !asked) sink->on_source(false, asked.error().message);
}

void MqttWaveforms::on_disconnected(const std::string& why) {
  intake_.tell(false, std::format("the broker {}:{} of '{}' can't be reached: {}", settings_.at.host, settings_.at.port,
                                  settings_.name, why));
}

void MqttWaveforms::on_message(std::string_view topic, std::span<const std::uint8_t> payload) {
  intake_.take(std::string(topic), parse_block(payload));
}

}  // namespace lineside::gateway
