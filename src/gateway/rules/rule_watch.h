#pragma once
// Rules over the tags of a gateway, on a thread of their own.
#include <mutex>
#include <thread>

#include "gateway/api/tag_source.h"
#include "gateway/rules/reading_queue.h"
#include "gateway/rules/rule_desk.h"

namespace lineside::gateway {

class RuleWatch {
 public:
  // Errors: as RuleDesk::create().
  static Result<std::unique_ptr<RuleWatch>> create(const config::GatewaySettings& settings, RuleParts parts);
  ~RuleWatch();  // stops
  // Without rules there is no thread.
  void start();
  // Where every source of the settings brings its readings. Any thread; lives as long as this.
  TagSink& sink();
  // No source calls the sink any more: what waits is judged, alarms are kept. Waits for that.
  void stop();
  // Alarms that are there, and rules that can't be judged; at most two RuleDesk::kTick old. Any thread.
  std::vector<rules::RuleStatus> shown() const;

 private:
  class Sink;
  explicit RuleWatch(std::unique_ptr<RuleDesk> desk);
  void run();

  const std::unique_ptr<RuleDesk> desk_;  // of the thread, once it runs
  ReadingQueue queue_;
  const std::unique_ptr<Sink> sink_;
  mutable std::mutex shown_mutex_;
  std::vector<rules::RuleStatus> shown_;
  std::jthread thread_;
};

}  // namespace lineside::gateway
