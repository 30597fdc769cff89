#pragma once
// One inspection station: cameras → model → verdict by the deadline → actuator, ledger, records. docs/inspection.md
// describes it; the laws it keeps are 1 (one verdict per item, in time), 4 (nothing blocks the hot path) and its part
// of 7 (models change between two items).
//
// Threads: each camera's source (its own), each camera's model (one), the deadline watch, the actuation, the reporter.
// Nothing is shared with another station but the sinks, which never block.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/actuator.h"
#include "gateway/api/frame_source.h"
#include "gateway/api/item_log.h"
#include "gateway/api/record_sink.h"
#include "gateway/api/sample_sink.h"
#include "gateway/api/trigger_source.h"
#include "gateway/inspection/model_worker.h"
#include "gateway/inspection/reporter.h"
#include "model/image.h"

namespace lineside::gateway {

struct StationCamera {
  std::string name;
  int width = 0, height = 0;            // expected frame size; 0: that of the first frame
  std::unique_ptr<FrameSource> source;  // null: it could not even be made, `trouble` says why
  Error trouble{};
};

struct StationParts {
  std::vector<StationCamera> cameras;      // 1..8, the first one opens the items when every frame is one
  std::unique_ptr<TriggerSource> trigger;  // null: every frame of the first camera is an item
  std::unique_ptr<Actuator> actuator;      // null: none
  ModelLoader load_model;                  // called once for each camera, and again when a newer bundle is there
  ItemLog& items;
  SampleSink* samples = nullptr;  // null: none
  RecordSink& records;
  MetricsRegistry& metrics;
  Clock& clock;
  nanoseconds summary_period{std::chrono::seconds{1}};
};

struct CameraCondition {
  std::string name;
  bool up = false;
  std::string message;
};

struct StationCondition {
  std::string trouble;  // a sentence for each: model, cameras, actuator, trigger; empty: all is well
  std::vector<CameraCondition> cameras;
  bool has_actuator = false, actuator_up = false;
  std::string actuator_message, model_version;
  double reject_threshold = 0;
  StationCounts counts;
  LatencyHistogram::Snapshot latency;  // trigger to verdict
};

class Station final : public TriggerSink {
 public:
  // Errors: config_invalid (no or too many cameras, more votes than cameras, a deadline after the item has gone by).
  // The parts' references must outlive it.
  static Result<std::unique_ptr<Station>> create(const config::StationSettings& settings, StationParts parts);
  ~Station() override;

  // Loads the model, then starts the cameras; returns at once. A trigger that can't be started, a model that can't be
  // loaded or a camera that is not there is no error here: the station says so and its items get the fail-safe verdict.
  void start();
  // No more items; those without a verdict get the fail-safe one; rejects on their way are still fired, for at most
  // `linger`; everything is reported.
  void stop(nanoseconds linger = std::chrono::seconds{1});

  // A newer bundle may be there: load it beside the one in use and change over between two items.
  void reload_model();

  const std::string& name() const { return settings_.name; }
  StationCondition condition() const;  // any thread
  // The next frame of a camera, for somebody who looks at it now. Any thread. Errors: not_found, timeout (none came),
  // limit_reached (another one is looking).
  Result<Image> live_picture(const std::string& camera, nanoseconds wait_max) const;
  std::uint64_t items_opened() const;
  std::uint64_t verdicts_issued() const;

  void on_trigger(MonoTime time) override;
  void on_trigger_lost(const Error& why) override;

 private:
  struct Body;
  Station(const config::StationSettings& settings, StationParts parts);
  void watch_deadlines();
  MonoTime keep_house(MonoTime now);
  void start_cameras();
  void complete(StationSummary& summary) const;

  const config::StationSettings settings_;
  StationParts parts_;
  std::unique_ptr<Body> body_;
};

}  // namespace lineside::gateway
