#pragma once
// Events of one station to the hub and the log, with repeated ones held back.
#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "gateway/api/record_sink.h"

namespace lineside::gateway {

// `message` as a sentence, followed by another one: messages of other modules may come without a full stop.
std::string then(const std::string& message, const std::string& next);

// Thread-safe. Not for the hot path of an item that goes well: it allocates.
class EventLog {
 public:
  EventLog(std::string station, RecordSink& records, Clock& clock, MetricsRegistry& metrics);

  // Counts each (lineside_events_total). As records, each type of event may come kBurst times at once and then once in
  // kRefill; those held back are counted in the evidence ("suppressed") of the next one of its type.
  void report(const std::string& type, Severity severity, const std::string& message,
              std::map<std::string, std::string> evidence = {});

  static constexpr int kBurst = 5;
  static constexpr std::chrono::seconds kRefill{10};

 private:
  struct Allowance {
    double tokens = kBurst;
    MonoTime at{};
    std::uint64_t suppressed = 0;
  };
  const std::string station_;
  RecordSink& records_;
  Clock& clock_;
  MetricsRegistry& metrics_;
  std::mutex mutex_;
  std::map<std::string, Allowance> allowances_;
};

}  // namespace lineside::gateway
