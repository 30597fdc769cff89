#include "gateway/inspection/event_log.h"

#include <algorithm>

#include "base/log.h"
#include "base/uuid.h"

namespace lineside::gateway {

std::string then(const std::string& message, const std::string& next) {
  if (message.empty()) return next;
  const char last = message.back();
  return message + (last == '.' || last == '!' || last == '?' ? " " : ". ") + next;
}

EventLog::EventLog(std::string station, RecordSink& records, Clock& clock, MetricsRegistry& metrics)
    : station_(std::move(station)), records_(records), clock_(clock), metrics_(metrics) {}

void EventLog::report(const std::string& type, Severity severity, const std::string& message,
                      std::map<std::string, std::string> evidence) {
  metrics_
      .counter("lineside_events_total", "Events of a station, those held back as records included.",
               {{"station", station_}, {"type", type}})
      .add();
  const MonoTime now = clock_.mono();
  {
    std::lock_guard lock(mutex_);
    auto [entry, is_new] = allowances_.try_emplace(type);
    Allowance& allowance = entry->second;
    if (!is_new) {
      const double refilled =
          std::chrono::duration<double>(now - allowance.at) / std::chrono::duration<double>(kRefill);
      allowance.tokens = std::min<double>(kBurst, allowance.tokens + refilled);
    }
    allowance.at = now;
    if (allowance.tokens < 1) {
      ++allowance.suppressed;
      return;
    }
    allowance.tokens -= 1;
    if (allowance.suppressed > 0) evidence["suppressed"] = std::to_string(allowance.suppressed);
    allowance.suppressed = 0;
  }
  const LogLevel level = severity >= Severity::high  ? LogLevel::error
                         : severity >= Severity::low ? LogLevel::warning
                                                     : LogLevel::info;
  log(level, "station", message, {{"station", station_}, {"event", type}});
  records_.put(Lane::urgent,
               EventRecord{make_uuid(clock_), type, station_, severity, clock_.wall(), message, std::move(evidence)});
}

}  // namespace lineside::gateway
