#pragma once
// The way to an MQTT 3.1.1 broker by libmosquitto: TLS, last will, reconnect with back-off and jitter. Clean session;
// nothing is kept across connections, here or (as far as we rely on it) at the broker.
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/broker_access.h"

namespace lineside::mqtt {

struct ClientOptions {
  BrokerAccess broker;
  std::string client_id;     // empty: the broker makes one
  std::string will_topic;    // empty: no last will
  std::string will_payload;  // QoS 1
  bool will_retained = true;
  std::vector<std::string> subscriptions;  // topic filters asked for at each connect
  int subscription_qos = 1;
  std::chrono::seconds keep_alive{20};
  // False: it ends with its first connection, and what it has not sent then goes with it.
  bool reconnect = true;
  // Doubled after each failure and after each connection that ended within 5 s.
  std::chrono::milliseconds reconnect_min{200}, reconnect_max{30'000};
};

// Called on the client's network thread; must be quick and must not block.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void on_reached() {}      // the TCP connection stands: from now on the broker may know the will
  virtual void on_connected() = 0;  // accepted by the broker; other subscriptions than the options' are made here
  virtual void on_subscribed() {}   // the broker confirmed a subscription
  virtual void on_disconnected(const std::string& why) = 0;  // also each time that connecting fails
  // QoS 1: the broker has it; QoS 0: it was handed to the network.
  virtual void on_acknowledged(int message) { static_cast<void>(message); }
  virtual void on_message(std::string_view topic, std::span<const std::uint8_t> payload) {
    static_cast<void>(topic), static_cast<void>(payload);
  }
  // One that the broker had kept: it may be of any age.
  virtual void on_retained(std::string_view topic, std::span<const std::uint8_t> payload) {
    on_message(topic, payload);
  }
  // The broker does not give what matches this one of the subscriptions that were asked for. Returns what to ask for
  // instead, which may be refused likewise.
  virtual std::vector<std::string> on_subscription_refused(const std::string& filter) {
    return static_cast<void>(filter), std::vector<std::string>{};
  }
  virtual void on_served() {}  // after each look at the network while connected, every 0.3 s at the latest
};

// Owns the network thread. Thread-safe. The host name is looked up on that thread: a name server that hangs delays
// nobody else, not even the destructor.
class Client {
 public:
  // Starts; a broker that is not there is no error. Errors: file_not_found, file_io (password file, certificates),
  // config_invalid (TLS material that does not fit).
  static Result<std::unique_ptr<Client>> start(const ClientOptions& options, Handler& handler);
  // Disconnects without the will, within 2 s; without `reconnect` within 0.2 s. A handler's call that is under way is
  // waited for, however long it takes. The handler hears nothing after it.
  ~Client();

  // Hands a message to the network thread; the number that on_acknowledged will tell. Errors: broker_unreachable when
  // not connected; limit_reached when too long.
  Result<int> publish(const std::string& topic, std::span<const std::uint8_t> payload, int qos = 0,
                      bool retain = false);
  Result<void> subscribe(const std::string& pattern, int qos);
  // Returns at once; from any thread. The destructor then has less to wait for.
  void ask_to_stop();
  bool connected() const;
  bool looking_up() const;  // the name server has not answered yet

 private:
  class Impl;
  explicit Client(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // the network thread's too: it may outlive the client when a lookup hangs
};

// MQTT 3.1.1, 4.7. False also where one of them is no filter or topic.
bool topic_matches(const std::string& filter, const std::string& topic);

// Bytes of a QoS 0 PUBLISH packet: fixed header, topic and payload (MQTT 3.1.1, 3.3).
std::uint64_t publish_packet_bytes(std::size_t topic_bytes, std::size_t payload_bytes);

}  // namespace lineside::mqtt
