#pragma once
// One connection to an MQTT 3.1.1 broker by libmosquitto: TLS, last will, reconnect with back-off and jitter.
// Clean session; nothing is kept across connections, here or (as far as we rely on it) at the broker.
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lineside::mqtt {

struct ClientOptions {
  std::string host = "127.0.0.1";
  int port = 1883;
  bool tls = false;
  std::string ca_file, cert_file, key_file;  // ca_file empty: the system's certificates
  std::string username, password_file;
  std::string client_id;     // empty: the broker makes one
  std::string will_topic;    // empty: no last will
  std::string will_payload;  // retained, QoS 1
  std::chrono::milliseconds reconnect_min{200}, reconnect_max{30'000};
};

// Called on the client's network thread; must be quick and must not block.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void on_connected() = 0;                           // accepted by the broker; subscribe here
  virtual void on_subscribed() {}                            // the broker confirmed a subscription
  virtual void on_disconnected(const std::string& why) = 0;  // also each time that connecting fails
  virtual void on_message(std::string_view topic, std::span<const std::uint8_t> payload) = 0;
};

// Owns the network thread. Thread-safe.
class Client {
 public:
  // Starts; a broker that is not there is no error. Errors: file_not_found, file_io (password file, certificates),
  // config_invalid (TLS material that does not fit).
  static Result<std::unique_ptr<Client>> start(const ClientOptions& options, Handler& handler);
  ~Client();  // disconnects without the will, joins; at most 2 s

  // Hands a message to the network thread. Errors: broker_unreachable when not connected; limit_reached when too long.
  Result<void> publish(const std::string& topic, std::span<const std::uint8_t> payload, int qos = 0,
                       bool retain = false);
  Result<void> subscribe(const std::string& pattern, int qos);
  bool connected() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Bytes of a QoS 0 PUBLISH packet: fixed header, topic and payload (MQTT 3.1.1, 3.3).
std::uint64_t publish_packet_bytes(std::size_t topic_bytes, std::size_t payload_bytes);

}  // namespace lineside::mqtt
