#pragma once
// The uplink: sends the outbox to the hub over MQTT 3.1.1 (TLS) and deletes from it what the hub has acknowledged.
// Protocol, topics and the choice of QoS: docs/delivery.md. The broker is not trusted to keep anything.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/gateway_settings.h"

namespace lineside::gateway {

class Outbox;

struct UplinkStatus {
  bool connected = false;        // to the broker
  bool hub_answering = false;    // an acknowledgement came within the last three ack timeouts, or nothing waits
  std::uint64_t bytes_sent = 0;  // MQTT PUBLISH packets: fixed header, topic, packet id, payload; not TLS, TCP, IP
  std::uint64_t batches_sent = 0, batches_repeated = 0, acks = 0;
  std::string last_error;  // "" when connected
  // "" or what must be looked into, connected or not: the broker keeps ending the connection within 5 s, since another
  // gateway has the same name and certificate. It goes when a connection has lasted a minute.
  std::string trouble;
};

// Owns two threads: libmosquitto's for the network, its own for what to send. The urgent lane goes first, always; bulk
// fills what the link has left (its window follows the measured round trip). Thread-safe.
class Uplink {
 public:
  // Starts; a broker that is not there is no error (retried with back-off and jitter). `outbox` must outlive it.
  // `program_version` goes into the retained state message. Errors: file_not_found, file_io (certificates, password
  // file), config_invalid (TLS material that does not fit).
  static Result<std::unique_ptr<Uplink>> start(const config::UplinkSettings& settings, const std::string& tenant,
                                               const std::string& gateway, Outbox& outbox, Clock& clock,
                                               MetricsRegistry& metrics, const std::string& program_version = "");
  // Says offline, disconnects, joins; at most 2 s.
  ~Uplink();

  UplinkStatus status() const;

 private:
  class Impl;
  explicit Uplink(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lineside::gateway
