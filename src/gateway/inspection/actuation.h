#pragma once
// Fires a station's actuator at the right moment: trigger + transport delay, never earlier, and not at all when the
// item has gone by (delay + tolerance). Keeps watch over the actuator: when it can't be reached an event says so at
// once, and it is asked for its safe state, again and again, until it has confirmed it or is back.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config/gateway_settings.h"
#include "gateway/api/actuator.h"
#include "gateway/inspection/event_log.h"
#include "gateway/inspection/verdict_desk.h"

namespace lineside::gateway {

// Owns its thread and the actuator, which only that thread uses. `desk`, `events` and `metrics` must outlive it.
class Actuation {
 public:
  Actuation(const config::StationSettings& settings, std::unique_ptr<Actuator> actuator, VerdictDesk& desk,
            EventLog& events, MetricsRegistry& metrics);
  ~Actuation();

  void start();
  // Fires what is still to be fired, at most until `until`, gives the rest up, brings the actuator into its safe state
  // (at most 600 ms more).
  void stop(MonoTime until);

  bool up() const { return up_.load(std::memory_order_relaxed); }
  std::string message() const;  // what is wrong; empty when up

 private:
  void run();
  void take_orders();
  void fire_due();
  void fire(Outcome& order);
  void give_up(Outcome& order);
  void missed(const Outcome& order, MonoTime now);
  void look_after();  // opens or probes when it is time to
  void lost(const Error& why);
  bool ask_for_safe_state(MonoTime deadline);
  void recovered();
  MonoTime next_moment() const;

  const std::string station_;
  const config::ActuatorSettings settings_;
  const std::unique_ptr<Actuator> actuator_;
  VerdictDesk& desk_;
  EventLog& events_;
  Counter& failures_;
  Counter& missed_;
  LatencyHistogram& jitter_;
  Gauge& up_gauge_;
  Gauge& safe_gauge_;

  std::vector<Outcome> schedule_;  // of the thread; the next one to fire is last
  MonoTime look_at_{};             // next probe or attempt to open
  nanoseconds retry_after_;
  bool reported_down_ = false, reported_unsafe_ = false;
  std::atomic<bool> up_{false}, stopping_{false};
  std::atomic<std::int64_t> stop_until_ns_{0};
  mutable std::mutex message_mutex_;
  std::string message_;
  std::thread thread_;
};

}  // namespace lineside::gateway
