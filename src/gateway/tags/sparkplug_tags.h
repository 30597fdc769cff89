#pragma once
// Metrics of Sparkplug B edge nodes at an MQTT broker as tags: wire/sparkplug_reader.h follows them, this brings it
// their messages and sends its requests.
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/tags/tag_intake.h"
#include "mqtt/mqtt_client.h"
#include "wire/sparkplug_reader.h"

namespace lineside::gateway {

// Only the edge nodes that tags name are subscribed to. Messages come on the MQTT client's thread; one of its own looks
// at the time and sends requests for births. What an edge node sends later as history is not the current value: it is
// left out, counted as lost. Retained messages, which Sparkplug does not have, are left out too.
//
// Counters beside those of every source: lineside_tag_rebirths_asked_total; lineside_tag_sparkplug_faults_total: what
// could not be used of edge nodes' messages (malformed, unknown or doubtful aliases, beyond what is kept).
class SparkplugTags final : public TagSource, private mqtt::Handler, private wire::sparkplug::ReaderSink {
 public:
  SparkplugTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags, Clock& clock,
                MetricsRegistry& metrics);
  ~SparkplugTags() override;
  // Errors: those of mqtt::Client::start.
  Result<void> start(TagSink& sink) override;
  void ask_to_stop() override { thread_.request_stop(); }

 private:
  using Tags = std::vector<std::size_t>;  // of intake_
  using Request = std::pair<std::string, wire::Bytes>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void on_connected() override;
  void on_disconnected(const std::string& why) override;
  std::vector<std::string> on_subscription_refused(const std::string& filter) override;
  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override;
  void on_retained(std::string_view topic, std::span<const std::uint8_t> payload) override;
  void on_readings(std::span<const wire::sparkplug::Reading> readings) override;
  void on_birth(const wire::sparkplug::Topic& of) override;
  void on_rebirth_wanted(const std::string& topic, const wire::Bytes& payload) override;
  void take(std::size_t tag, const wire::sparkplug::Reading& reading);
  void refuse_too_long(const wire::sparkplug::Topic& topic, std::size_t bytes);
  void run(const std::stop_token& stop);
  void count();

  const config::TagSourceSettings settings_;
  Clock& clock_;
  Counter &rebirths_, &faults_;

  std::mutex mutex_;  // of the rest, but the client and the thread
  TagIntake intake_;
  wire::sparkplug::Reader reader_;
  wire::sparkplug::ReaderCounts counted_;
  std::unordered_map<std::string, Tags, Hash, std::equal_to<>> metrics_;  // by group/edge_node/device/metric
  std::map<std::string, Tags> devices_;                                   // by group/edge_node/device
  std::map<std::string, Tags> filters_;                                   // of the edge nodes, as subscribed to
  std::vector<bool> read_;                                                // of each tag: it has been there
  std::vector<Request> requests_;                                         // to be sent

  std::unique_ptr<mqtt::Client> client_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace lineside::gateway
