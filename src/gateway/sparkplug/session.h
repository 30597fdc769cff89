#pragma once
// One MQTT connection of the Sparkplug edge node, from CONNECT with its death as the will to its end. It does nothing
// by itself: what is heard waits until the publisher's thread takes it.
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gateway/sparkplug/edge_node.h"
#include "mqtt/mqtt_client.h"

namespace lineside::gateway {

class SparkplugSession final : public mqtt::Handler {
 public:
  struct Message {
    std::string topic;
    wire::Bytes payload;
    bool retained = false;  // the broker had kept it: it may be of any age
  };
  struct Heard {
    bool reached = false;              // the broker may know the will
    bool connected = false;            // accepted
    std::size_t subscriptions = 0;     // confirmed
    std::vector<std::string> refused;  // subscriptions
    std::optional<std::string> ended;
    std::vector<Message> messages;
    std::uint64_t too_many = 0;  // messages that were not kept: too long, or more than are taken between two take()
  };

  // Begins to connect, then to subscribe (QoS 1). `wake` is called when there is something to take; quick, from any
  // thread. Errors: as mqtt::Client::start.
  static Result<std::unique_ptr<SparkplugSession>> open(const BrokerAccess& broker, const std::string& client_id,
                                                        const EdgeNode::Message& will,
                                                        const std::vector<std::string>& subscriptions,
                                                        std::function<void()> wake);
  // Disconnects without the will, if the connection still stands.
  ~SparkplugSession() override;

  Heard take();                                            // since the last time
  Result<void> publish(const EdgeNode::Message& message);  // QoS 0, not retained
  std::size_t under_way() const;                           // published, but not yet given to the network
  void flush(std::chrono::milliseconds wait_max) const;    // until nothing is under way

  // The client's thread.
  void on_reached() override;
  void on_connected() override;
  void on_subscribed() override;
  std::vector<std::string> on_subscription_refused(const std::string& filter) override;
  void on_disconnected(const std::string& why) override;
  void on_acknowledged(int message) override;
  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override;
  void on_retained(std::string_view topic, std::span<const std::uint8_t> payload) override;

 private:
  explicit SparkplugSession(std::function<void()> wake) : wake_(std::move(wake)) {}
  void hear(void (*note)(Heard& heard, const std::string& text), const std::string& text = {});
  void keep(std::string_view topic, std::span<const std::uint8_t> payload, bool retained);

  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  Heard heard_;
  std::size_t heard_bytes_ = 0;  // of its messages
  std::uint64_t published_ = 0, given_ = 0;
  std::unique_ptr<mqtt::Client> client_;
};

}  // namespace lineside::gateway
