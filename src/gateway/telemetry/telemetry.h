#pragma once
// Telemetry of a gateway: what its tag sources read goes through a bounded queue to one thread, which filters it.
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "base/bounded_queue.h"
#include "gateway/api/tag_source.h"
#include "gateway/telemetry/tag_filter.h"

namespace lineside::gateway {

class Telemetry {
 public:
  // `parts`' references must outlive it.
  Telemetry(const config::TelemetrySettings& settings, TelemetryParts parts);
  ~Telemetry();  // stops
  void start();
  // Where the source at this place of the settings brings its readings. Any thread; lives as long as this.
  TagSink& sink(std::size_t source);
  // No source calls its sink any more: what waits is filtered, what is open is put. Waits for that.
  void stop();
  // The newest reading of every tag, by its place in the settings; `received` is zero where nothing came yet. At most
  // kTick old. Any thread.
  std::vector<Sample> newest() const;
  static constexpr std::chrono::milliseconds kTick{200};
  std::vector<TagFilter::LimitAlarm> limit_alarms() const;  // as old, and from any thread

 private:
  class Sink;
  struct Words {  // since they were last heard; of a source the newest
    std::map<std::size_t, std::pair<bool, std::string>> sources;
    std::vector<std::pair<std::size_t, std::string>> bad_values;
    std::uint64_t more_bad_values = 0;
  };
  void run();
  void hear();

  Clock& clock_;
  BoundedQueue<Sample> queue_;  // of all sources, in the order they came; the oldest go when it is full (law 4)
  TagFilter filter_;            // of the thread, once it runs
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::mutex words_mutex_;
  Words words_;
  mutable std::mutex shown_mutex_;
  std::vector<Sample> shown_;
  std::vector<TagFilter::LimitAlarm> shown_alarms_;
  std::jthread thread_;
};

}  // namespace lineside::gateway
