#pragma once
// Messages of an MQTT broker as tags.
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gateway/tags/mqtt_payload.h"
#include "gateway/tags/tag_intake.h"
#include "mqtt/mqtt_client.h"

namespace lineside::gateway {

// The messages come on the MQTT client's thread. What a message does not say is not made up: a value that is no number
// is bad, a time that can't be read is none, and a retained message without a time of its own, which may be of any age,
// is uncertain. Topics that a filter of the source covers are not subscribed to a second time, unless the broker
// refuses that filter. Liveness is judged by data: a tag of which nothing came for its max_silence is bad, whatever the
// connection says.
class MqttTags final : public TagSource, private mqtt::Handler {
 public:
  // Errors: config_invalid.
  static Result<std::unique_ptr<MqttTags>> create(const config::TagSourceSettings& settings,
                                                  std::span<const config::TagSettings> tags, Clock& clock,
                                                  MetricsRegistry& metrics);
  ~MqttTags() override;
  // Errors: those of mqtt::Client::start.
  Result<void> start(TagSink& sink) override;
  void ask_to_stop() override;  // the client ends within 2 s

 private:
  MqttTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags, Clock& clock,
           MetricsRegistry& metrics);
  std::vector<std::string> subscriptions() const;
  void on_connected() override;
  void on_disconnected(const std::string& why) override;
  std::vector<std::string> on_subscription_refused(const std::string& filter) override;
  void on_served() override;
  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override;
  void on_retained(std::string_view topic, std::span<const std::uint8_t> payload) override;
  void take_message(std::string_view topic, std::span<const std::uint8_t> bytes, bool retained);
  void take(std::size_t tag, const Payload& payload, bool retained, MonoTime now);
  bool covered(const std::string& topic) const;  // by a filter that was not refused

  using Tags = std::vector<std::size_t>;  // of intake_
  const config::TagSourceSettings settings_;
  Clock& clock_;
  TagIntake intake_;
  std::vector<PayloadReader> readers_;               // of each tag
  std::map<std::string, Tags, std::less<>> topics_;  // without wildcards
  std::vector<std::pair<std::string, Tags>> filters_;
  std::set<std::string> refused_;  // of filters_, on this connection
  std::vector<MonoTime> heard_;    // when a message for each tag came; kNever: it is bad by its silence
  MonoTime look_at_{};             // at silences, next
  std::atomic<bool> stopping_{false};
  std::unique_ptr<mqtt::Client> client_;
};

}  // namespace lineside::gateway
