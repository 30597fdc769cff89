#pragma once
// The rules of a gateway at work: readings in, events out, in the urgent lane as those of the alarm limits.
//
// Events, asset = the rule's or the gateway: alarm.raised, alarm.cleared, alarm.acknowledged, rule.unknown, rule.known
// (rules/engine.h). Asset = the gateway: rules.dropped (readings that came too fast), rules.forgotten (the alarms of
// before a restart can't be read), rules.unpublished (messages that were not sent within their time to live). Writes:
// write_desk.h.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "config/gateway_settings.h"
#include "gateway/api/record_sink.h"
#include "gateway/rules/message_sender.h"
#include "gateway/rules/write_desk.h"
#include "rules/engine.h"

namespace lineside::gateway {

struct RuleParts {
  RecordSink& records;
  MetricsRegistry& metrics;
  Clock& clock;
  // Whether all that was put is on disk now; may wait for up to half a second.
  std::function<bool()> on_disk;
  TagWriters& writers;
};

// Owner thread only.
//
// Restarts. Alarms are kept in the data folder once their events are on disk, so that whatever happens in between, an
// event may come twice but never not at all. An alarm of a rule that is no more is cleared at the start.
class RuleDesk final : public rules::RuleSink {
 public:
  // Time goes on without readings, so far behind the clock: readings need as long to get here.
  static constexpr std::chrono::milliseconds kReadingsTake{1000};
  static constexpr std::chrono::seconds kClockJump{2}, kDropPause{60}, kUnsentPause{60}, kKeepPause{2}, kKeepRetry{10};
  static constexpr std::chrono::milliseconds kTick{200};

  // `parts`' references must outlive it. Errors: config_invalid (mistakes in the rules, with file and line),
  // file_not_found, file_io, limit_reached (a file of rules), and those of MessageSender::start().
  static Result<std::unique_ptr<RuleDesk>> create(const config::GatewaySettings& settings, RuleParts parts);
  ~RuleDesk() override;

  std::vector<bool> wanted() const;  // by tag, whether a rule reads it
  bool has_rules() const { return rules_ > 0; }
  // To be called each kTick at least, also without readings; `dropped`: by the queue before this, in all. True, once in
  // kTick: what is shown may be another.
  bool take(std::span<const Sample> samples, std::uint64_t dropped);
  void keep_alarms();  // now
  void close();        // at the end, when the sources are gone
  // Alarms that are there, and rules that can't be judged.
  std::vector<rules::RuleStatus> shown() const;

 private:
  struct Instruments;
  RuleDesk(const config::GatewaySettings& settings, RuleParts parts, rules::TagList tags);
  void on_rule(const rules::RuleEvent& event) override;
  void take_up_alarms();
  void take_up_writes(std::vector<rules::RuleStatus>& kept);
  void look_at_clock();
  void look_after(MonoTime now, std::uint64_t dropped);
  void count(std::uint64_t dropped);
  void put(EventRecord event);
  void tell(const std::string& type, Severity severity, const std::string& message);

  const std::string gateway_;
  const std::filesystem::path folder_;
  RuleParts parts_;
  const std::unique_ptr<Instruments> instruments_;
  const rules::TagList tags_;
  std::size_t rules_ = 0;
  std::optional<rules::RuleEngine> engine_;
  MessageSender sender_;
  std::optional<WriteDesk> writes_;  // where anything is granted
  rules::RuleCounters counted_;
  std::uint64_t dropped_counted_ = 0, dropped_told_ = 0, unsent_told_ = 0;
  std::optional<nanoseconds> wall_ahead_;  // of the monotonic clock
  MonoTime next_look_{}, next_keep_{}, drop_quiet_until_{}, unsent_quiet_until_{};
  bool changed_ = false;  // alarms, since they were kept
  LogLimiter keep_log_;
};

}  // namespace lineside::gateway
