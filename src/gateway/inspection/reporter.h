#pragma once
// Behind the hot path: takes what has been decided and tells everybody — ledger, sample store, hub, metrics.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "config/gateway_settings.h"
#include "gateway/api/item_log.h"
#include "gateway/api/record_sink.h"
#include "gateway/api/sample_sink.h"
#include "gateway/inspection/event_log.h"
#include "gateway/inspection/verdict_desk.h"

namespace lineside::gateway {

struct StationCounts {
  std::uint64_t items = 0, passed = 0, rejected = 0, fail_safe = 0, late = 0, actuation_failed = 0;
};

struct ReporterOutputs {
  ItemLog& items;
  SampleSink* samples;  // null: none
  RecordSink& records;
  EventLog& events;
  MetricsRegistry& metrics;
};

// Owns its thread. Every item that the desk issued is reported once: a ledger line, a verdict record in the urgent
// lane, metrics; every `summary_period` a summary in the bulk lane.
class Reporter {
 public:
  // `complete_summary` adds what only the station knows (cameras, actuator, model). `tick` is the station's
  // housekeeping, called on the reporter's thread between reports; it returns when it wants to be called again.
  Reporter(const config::StationSettings& settings, bool has_actuator, nanoseconds summary_period, VerdictDesk& desk,
           const ReporterOutputs& outputs, std::function<void(StationSummary&)> complete_summary,
           std::function<MonoTime(MonoTime now)> tick);
  ~Reporter();

  void start();
  void stop();  // reports everything that has been issued, and a last summary

  StationCounts counts() const;  // any thread
  const LatencyHistogram& decision_latency() const { return *decision_latency_; }

 private:
  struct Stages;
  void run();
  bool drain();  // false: there was nothing
  void report_item(const Outcome& outcome);
  void report_sample(const Report& report);
  void count(const Verdict& verdict);
  void put_record(const Outcome& outcome);
  void watch_load(const Verdict& verdict);
  void put_summary(MonoTime now);

  const std::string station_;
  const bool has_actuator_;
  const nanoseconds summary_period_;
  VerdictDesk& desk_;
  const ReporterOutputs out_;
  const std::function<void(StationSummary&)> complete_summary_;
  const std::function<MonoTime(MonoTime)> tick_;
  const std::unique_ptr<Stages> stages_;
  LatencyHistogram* const decision_latency_;

  std::atomic<std::uint64_t> items_{0}, passed_{0}, rejected_{0}, fail_safe_{0}, late_{0}, actuation_failed_{0};
  // Of the thread:
  StationCounts summed_;  // as of the last summary
  LatencyHistogram period_latency_;
  WallTime period_from_{};
  MonoTime next_summary_{}, overload_until_{};
  std::uint64_t drops_told_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace lineside::gateway
