#pragma once
// Ingest: subscribes to every gateway's `up` and `state` topics, brings batches into the store, and acknowledges only
// what is stored (law 2). Protocol: docs/delivery.md.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/hub_settings.h"
#include "hub/store/store.h"

namespace lineside::hub {

struct IngestStatus {
  bool connected = false;      // to the broker, and subscribed
  std::uint64_t batches = 0;   // committed
  std::uint64_t garbage = 0;   // messages that were dropped because they could not be read or did not fit their topic
  std::uint64_t overflow = 0;  // batches dropped because the queue was full; their gateways send them again
  std::string last_error;
};

// Owns three threads: libmosquitto's for the network, one that decodes and commits, and one that deletes what is older
// than keep_days. Thread-safe.
class Ingest {
 public:
  // Starts; a broker that is not there is no error (retried with back-off). `sink` and `store` must outlive it; they
  // are the same object except in tests. Errors: file_not_found, file_io, config_invalid (TLS material).
  static Result<std::unique_ptr<Ingest>> start(const config::HubSettings& settings, BatchSink& sink, Store& store,
                                               Clock& clock, MetricsRegistry& metrics);
  static Result<std::unique_ptr<Ingest>> start(const config::HubSettings& settings, Store& store, Clock& clock,
                                               MetricsRegistry& metrics) {
    return start(settings, store, store, clock, metrics);
  }
  ~Ingest();  // stops; at most 2 s

  IngestStatus status() const;

 private:
  class Impl;
  explicit Ingest(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lineside::hub
