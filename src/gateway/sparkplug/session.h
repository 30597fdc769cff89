#pragma once
// One MQTT connection of the Sparkplug edge node, from CONNECT with its death as the will to its end. It does nothing
// by itself: what is heard waits until the publisher's thread takes it.
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/sparkplug/edge_node.h"
#include "mqtt/mqtt_client.h"

namespace lineside::gateway {

class SparkplugSession final : public mqtt::Handler {
 public:
  struct Heard {
    bool reached = false;    // the broker may know the will
    bool connected = false;  // accepted
    int subscriptions = 0;   // confirmed
    std::optional<std::string> ended;
    std::vector<std::pair<std::string, wire::Bytes>> messages;
    std::uint64_t too_many = 0;  // messages that were not kept: too long, or more than are taken between two take()
  };

  // Begins to connect. `wake` is called when there is something to take; quick, from any thread. Errors: as
  // mqtt::Client::start.
  static Result<std::unique_ptr<SparkplugSession>> open(const BrokerAccess& broker, const std::string& client_id,
                                                        const EdgeNode::Message& will, std::function<void()> wake);
  // Disconnects without the will, if the connection still stands.
  ~SparkplugSession() override;

  Heard take();                                            // since the last time
  Result<void> subscribe(const std::string& topic);        // QoS 1
  Result<void> publish(const EdgeNode::Message& message);  // QoS 0, not retained
  std::size_t under_way() const;                           // published, but not yet given to the network
  void flush(std::chrono::milliseconds wait_max) const;    // until nothing is under way

  // The client's thread.
  void on_reached() override;
  void on_connected() override;
  void on_subscribed() override;
  void on_disconnected(const std::string& why) override;
  void on_acknowledged(int message) override;
  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override;

 private:
  explicit SparkplugSession(std::function<void()> wake) : wake_(std::move(wake)) {}

  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  Heard heard_;
  std::uint64_t published_ = 0, given_ = 0;
  std::unique_ptr<mqtt::Client> client_;
};

}  // namespace lineside::gateway
