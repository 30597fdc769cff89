#include "gateway/rules/rule_desk.h"

#include <algorithm>
#include <format>

#include "base/uuid.h"
#include "rules/alarm_file.h"
#include "rules/surroundings.h"

namespace lineside::gateway {

using rules::AlarmState;
using rules::RuleEvent;
using rules::RuleStatus;

struct RuleDesk::Instruments {
  explicit Instruments(MetricsRegistry& metrics)
      : samples(metrics.counter("lineside_rules_samples_total", "Readings of tags that rules read.")),
        evaluations(metrics.counter("lineside_rules_evaluations_total", "Times that a rule was judged.")),
        dropped(metrics.counter("lineside_rules_dropped_samples_total",
                                "Readings that a newer one of their tag had overtaken before the rules had time.")),
        late(metrics.counter("lineside_rules_late_samples_total",
                             "Readings that were measured before the newest of their tag; not used.")),
        events(metrics.counter("lineside_rules_events_total", "Events of rules.")),
        clock_set(metrics.counter("lineside_rules_clock_set_total", "Times that the clock was set back or ahead.")),
        alarms(metrics.gauge("lineside_rules_alarms", "Alarms of rules that are there.")),
        unknown(metrics.gauge("lineside_rules_unknown", "Rules that can't be judged now.")) {}
  Counter &samples, &evaluations, &dropped, &late, &events, &clock_set;
  Gauge &alarms, &unknown;
};

RuleDesk::RuleDesk(const config::GatewaySettings& settings, RuleParts parts, rules::TagList tags)
    : gateway_(settings.gateway),
      folder_(rules::alarm_folder(settings.data_dir)),
      parts_(std::move(parts)),
      instruments_(std::make_unique<Instruments>(parts_.metrics)),
      tags_(std::move(tags)),
      sender_(parts_.metrics, parts_.clock) {}

RuleDesk::~RuleDesk() = default;

Result<std::unique_ptr<RuleDesk>> RuleDesk::create(const config::GatewaySettings& settings, RuleParts parts) {
  rules::Surroundings around = rules::surroundings_of(settings);
  LINESIDE_ASSIGN(auto loaded, rules::rules_of(settings, around));
  std::unique_ptr<RuleDesk> desk(new RuleDesk(settings, std::move(parts), std::move(around.tags)));
  desk->rules_ = loaded.size();
  for (const auto& source : settings.telemetry.sources) {
    const auto uses = [&](const rules::Rule& rule) {
      return std::ranges::contains(rule.publishes, source.name, &rules::PublishAction::broker);
    };
    if (std::ranges::any_of(loaded, uses)) LINESIDE_TRY(desk->sender_.add(source));
  }
  if (!settings.grants.empty())
    desk->writes_.emplace(settings, WriteParts{desk->parts_.metrics, desk->parts_.clock, desk->parts_.writers,
                                               [one = desk.get()](EventRecord event) { one->put(std::move(event)); }});
  LINESIDE_ASSIGN(desk->engine_, rules::RuleEngine::create(std::move(loaded), desk->tags_, *desk));
  desk->take_up_alarms();
  return desk;
}

void RuleDesk::take_up_alarms() {
  const auto folder = has_rules() ? rules::make_alarm_folder(folder_) : Result<void>();
  Result<std::vector<RuleStatus>> kept = folder ? rules::read_alarms(folder_) : std::unexpected(folder.error());
  if (!kept) {
    tell("rules.forgotten", Severity::medium,
         "The alarms of before the restart can't be read; those whose cause is still there are raised again: " +
             kept.error().message);
    kept.emplace();
  }
  take_up_writes(*kept);
  for (const RuleStatus& gone : engine_->restore(*kept))
    on_rule({.kind = gone.state == AlarmState::normal ? RuleEvent::Kind::known : RuleEvent::Kind::cleared,
             .rule = gone.rule,
             .asset = gone.asset,
             .severity = gone.severity,
             .time = parts_.clock.wall(),
             .message = std::format("The rule {} is no more; what was told of it is over.", gone.rule)});
}

// An alarm that has had something written is there, though the gateway may have ended before it was kept or told.
void RuleDesk::take_up_writes(std::vector<RuleStatus>& kept) {
  if (!writes_) return;
  for (const WriteJournal::Begun& begun : writes_->begun()) {
    const auto known = std::ranges::find(kept, begun.rule, &RuleStatus::rule);
    if (known != kept.end() && known->state != AlarmState::normal) continue;
    if (known != kept.end()) kept.erase(known);
    kept.push_back({.rule = begun.rule,
                    .asset = begun.asset,
                    .severity = begun.severity,
                    .state = AlarmState::active,
                    .since = begun.since,
                    .message = begun.message});
    on_rule({.kind = RuleEvent::Kind::raised,
             .rule = begun.rule,
             .asset = begun.asset,
             .severity = begun.severity,
             .time = begun.since,
             .message = begun.message});
  }
}

std::vector<bool> RuleDesk::wanted() const {
  std::vector<bool> wanted(tags_.all().size());
  for (std::size_t tag = 0; tag < wanted.size(); ++tag) wanted[tag] = engine_->reads(tag);
  return wanted;
}

bool RuleDesk::take(std::span<const Sample> samples, std::uint64_t dropped) {
  look_at_clock();
  engine_->on_samples(samples);
  engine_->advance(parts_.clock.wall() - kReadingsTake);
  if (writes_) writes_->look_after(*engine_);
  const MonoTime now = parts_.clock.mono();
  if (now < next_look_) return false;
  next_look_ = now + kTick;
  look_after(now, dropped);
  return true;
}

// Before anything with the new time is looked at: or all delays would end at once.
void RuleDesk::look_at_clock() {
  const nanoseconds ahead = parts_.clock.wall().time_since_epoch() - parts_.clock.mono().time_since_epoch();
  if (wall_ahead_ && std::chrono::abs(ahead - *wall_ahead_) > kClockJump) engine_->clock_set(ahead - *wall_ahead_);
  wall_ahead_ = ahead;
}

void RuleDesk::look_after(MonoTime now, std::uint64_t dropped) {
  for (const auto& [rule, by] : rules::take_acknowledgements(folder_))
    if (const auto done = engine_->acknowledge(rule, by, parts_.clock.wall() - kReadingsTake); !done)
      log(LogLevel::warning, "rules", "an acknowledgement can't be used", {{"reason", done.error().message}});
  count(dropped);
  if (dropped != dropped_told_ && now >= drop_quiet_until_) {
    tell("rules.dropped", Severity::medium,
         std::format("{} readings came faster than rules could be judged and were left out.", dropped - dropped_told_));
    dropped_told_ = dropped;
    drop_quiet_until_ = now + kDropPause;
  }
  sender_.look_after();
  if (const std::uint64_t unsent = sender_.unsent(); unsent != unsent_told_ && now >= unsent_quiet_until_) {
    tell("rules.unpublished", Severity::medium,
         std::format("{} messages of rules were not sent within their time to live; {}", unsent - unsent_told_,
                     sender_.last_unsent()));
    unsent_told_ = unsent;
    unsent_quiet_until_ = now + kUnsentPause;
  }
  if (changed_ && now >= next_keep_) keep_alarms();
}

void RuleDesk::keep_alarms() {
  if (!changed_) return;
  const auto alarms = engine_->status();
  const Result<void> kept = parts_.on_disk() ? rules::write_alarms(folder_, alarms)
                                             : fail(ErrorCode::timeout, "their events are not on disk yet");
  changed_ = !kept;
  next_keep_ = parts_.clock.mono() + (kept ? kKeepPause : kKeepRetry);
  if (kept) return;
  keep_log_.log(LogLevel::warning, "rules", "the alarms can't be kept for a restart",
                {{"reason", kept.error().message}});
}

void RuleDesk::close() {
  if (writes_) writes_->close();
  keep_alarms();
}

void RuleDesk::count(std::uint64_t dropped) {
  const rules::RuleCounters& now = engine_->counters();
  instruments_->samples.add(now.samples - counted_.samples);
  instruments_->evaluations.add(now.evaluations - counted_.evaluations);
  instruments_->late.add(now.late - counted_.late);
  instruments_->clock_set.add(now.clock_set - counted_.clock_set);
  counted_ = now;
  instruments_->dropped.add(dropped - dropped_counted_);
  dropped_counted_ = dropped;
  const auto all = engine_->status();
  instruments_->alarms.set(static_cast<double>(
      std::ranges::count_if(all, [](const RuleStatus& one) { return one.state != AlarmState::normal; })));
  instruments_->unknown.set(static_cast<double>(std::ranges::count(all, false, &RuleStatus::known)));
}

std::vector<RuleStatus> RuleDesk::shown() const {
  auto all = engine_->status();
  std::erase_if(all, [](const RuleStatus& one) { return one.state == AlarmState::normal && one.known; });
  return all;
}

void RuleDesk::on_rule(const RuleEvent& event) {
  changed_ = true;
  instruments_->events.add();
  EventRecord record = rules::to_record(event, make_uuid(parts_.clock));
  if (record.asset.empty()) record.asset = gateway_;
  for (const rules::RuleMessage& message : event.messages) sender_.put(message);
  put(std::move(record));
  if (writes_) writes_->on_event(event);
}

void RuleDesk::put(EventRecord event) {
  log(event.severity >= Severity::medium ? LogLevel::warning : LogLevel::info, "rules", event.message,
      {{"asset", event.asset}, {"event", event.type}});
  parts_.records.put(Lane::urgent, std::move(event));
}

void RuleDesk::tell(const std::string& type, Severity severity, const std::string& message) {
  put({make_uuid(parts_.clock), type, gateway_, severity, parts_.clock.wall(), message, {}});
}

}  // namespace lineside::gateway
