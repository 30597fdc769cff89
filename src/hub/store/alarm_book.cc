#include "hub/store/alarm_book.h"

#include <algorithm>
#include <array>
#include <format>

namespace lineside::hub {
namespace {

// An alarm that comes back, or grows, is to be acknowledged again.
constexpr std::string_view kAgain = R"(
UPDATE alarm SET event_id = ?5, type = ?6, severity = ?7, message = ?8, value = ?9, unit = ?10, limit_value = ?11,
  since_ns = CASE WHEN cleared_ns > 0 THEN ?12 ELSE since_ns END, changed_ns = ?12,
  acked_ns = CASE WHEN cleared_ns > 0 OR ?7 > severity THEN 0 ELSE acked_ns END,
  acked_by = CASE WHEN cleared_ns > 0 OR ?7 > severity THEN '' ELSE acked_by END, cleared_ns = 0, sure = 1
WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 AND kind = ?4 RETURNING 1)";

constexpr std::string_view kRaise = R"(
INSERT INTO alarm (tenant, gateway, asset, kind, event_id, type, severity, message, value, unit, limit_value, since_ns,
                   changed_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12) RETURNING 1)";

constexpr std::string_view kCount = "SELECT count(*) FROM alarm WHERE tenant = ?1 AND gateway = ?2";

// The one that has returned first.
constexpr std::string_view kForget = R"(
DELETE FROM alarm WHERE (tenant, gateway, asset, kind) IN (
  SELECT tenant, gateway, asset, kind FROM alarm WHERE tenant = ?1 AND gateway = ?2 AND cleared_ns > 0
  ORDER BY cleared_ns LIMIT 1) RETURNING 1)";

constexpr std::string_view kThis = "tenant = ?1 AND gateway = ?2 AND asset = ?3 AND kind = ?4";
// Not those of rules: their alarms outlive a restart of the gateway, which clears them itself.
constexpr std::string_view kAll =
    "tenant = ?1 AND gateway = ?2 AND ?3 = '' AND ?4 = '' AND kind <> 'rule' AND kind NOT LIKE 'rule %'";

std::string end_of(std::string_view which) {
  return std::format(
      "UPDATE alarm SET cleared_ns = ?5, sure = 1 WHERE {} AND cleared_ns = 0 AND changed_ns <= ?6 RETURNING 1", which);
}
std::string over_of(std::string_view which) {
  return std::format("DELETE FROM alarm WHERE {} AND cleared_ns > 0 AND acked_ns > 0", which);
}

constexpr std::string_view kDoubt = "UPDATE alarm SET sure = 0 WHERE tenant = ?1 AND gateway = ?2 AND cleared_ns = 0";

constexpr std::string_view kAck = R"(
UPDATE alarm SET acked_ns = CASE WHEN acked_ns > 0 THEN acked_ns ELSE ?7 END,
                 acked_by = CASE WHEN acked_ns > 0 THEN acked_by ELSE ?8 END
WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 AND kind = ?4 AND event_id = ?5 AND since_ns / 1000000 = ?6
RETURNING 1)";

struct Pair {
  std::string_view raised, cleared, kind;
};
constexpr std::array kPairs{
    Pair{"tag.high_high", "tag.normal", "limit"},
    Pair{"tag.high", "tag.normal", "limit"},
    Pair{"tag.low", "tag.normal", "limit"},
    Pair{"tag.low_low", "tag.normal", "limit"},
    Pair{"tag_source.down", "tag_source.up", "source"},
    Pair{"condition.anomaly", "condition.normal", "anomaly"},
    Pair{"sensor.fault", "sensor.ok", "sensor"},
    Pair{"alarm.raised", "alarm.cleared", "rule"},
};
constexpr std::string_view kCamera = "camera", kActuator = "actuator", kAnomaly = "anomaly";

std::string text_of(const EventRecord& event, const char* key) {
  const auto found = event.evidence.find(key);
  return found == event.evidence.end() ? "" : found->second;
}

// An asset may have several sensor faults and rules at once.
std::string detail_of(const EventRecord& event, std::string_view kind) {
  return kind == "sensor" ? text_of(event, "fault") : kind == "rule" ? text_of(event, "rule") : "";
}

// Of a statement with RETURNING 1: all its changes are made in the first step.
Result<bool> changes_any(Statement& statement) {
  LINESIDE_ASSIGN(const bool any, statement.step());
  statement.reset();
  return any;
}

std::int64_t count_ns(WallTime time) { return time.time_since_epoch().count(); }

}  // namespace

struct AlarmBook::Told {
  std::string event_id, type;
  Severity severity{};
  WallTime time{};
  std::string message, value, unit, limit;
};

AlarmStep alarm_step(const EventRecord& event) {
  using What = AlarmStep::What;
  if (event.type == "gateway.started") return {What::all_over, ""};
  for (const Pair& pair : kPairs) {
    if (event.type != pair.raised && event.type != pair.cleared) continue;
    const std::string detail = detail_of(event, pair.kind);
    return {event.type == pair.raised ? What::raised : What::cleared,
            detail.empty() ? std::string(pair.kind) : std::format("{} {}", pair.kind, detail)};
  }
  return {};
}

Result<AlarmBook> AlarmBook::create(Database& database) {
  AlarmBook book;
  const auto make = [&](std::optional<Statement>& statement, std::string_view sql) -> Result<void> {
    LINESIDE_ASSIGN(statement, database.prepare(sql));
    return {};
  };
  LINESIDE_TRY(make(book.again_, kAgain));
  LINESIDE_TRY(make(book.raise_, kRaise));
  LINESIDE_TRY(make(book.count_, kCount));
  LINESIDE_TRY(make(book.forget_, kForget));
  LINESIDE_TRY(make(book.end_, end_of(kThis)));
  LINESIDE_TRY(make(book.over_, over_of(kThis)));
  LINESIDE_TRY(make(book.end_all_, end_of(kAll)));
  LINESIDE_TRY(make(book.all_over_, over_of(kAll)));
  LINESIDE_TRY(make(book.doubt_, kDoubt));
  LINESIDE_TRY(make(book.ack_, kAck));
  return book;
}

Result<void> AlarmBook::note(const std::string& tenant, const std::string& gateway, const EventRecord& event) {
  using What = AlarmStep::What;
  const AlarmStep step = alarm_step(event);
  if (step.what == What::none) return {};
  const AlarmId id{gateway, step.what == What::all_over ? "" : event.asset, step.kind};
  if (step.what != What::raised) return clear(tenant, id, event.time);
  Told told{event.id,
            event.type,
            event.severity,
            event.time,
            event.message,
            text_of(event, "value"),
            text_of(event, "unit"),
            text_of(event, "limit")};
  if (const std::string times = text_of(event, "times_threshold"); step.kind == kAnomaly && !times.empty())
    told.value = times, told.unit = "× threshold", told.limit = "1";
  return raise(tenant, id, told);
}

Result<void> AlarmBook::note(const std::string& tenant, const std::string& gateway, const StationSummary& summary) {
  const auto is = [&](std::string_view kind, bool up, const char* type, const char* message) -> Result<void> {
    const AlarmId id{gateway, summary.station, std::string(kind)};
    if (up) return clear(tenant, id, summary.to);
    return raise(tenant, id, {"", type, Severity::critical, summary.from, message, "", "", ""});
  };
  LINESIDE_TRY(is(kCamera, summary.camera_up, "camera.lost", "Camera lost: items get the fail-safe verdict."));
  return is(kActuator, summary.actuator_up, "actuator.unreachable", "Rejector not reachable.");
}

Result<void> AlarmBook::note(const std::string& tenant, const std::string& gateway, const AssetSummary& summary) {
  if (summary.alarm) return {};  // the event that says what it is like comes on the urgent lane
  return clear(tenant, {gateway, summary.asset, std::string(kAnomaly)}, summary.to, summary.from);
}

Result<void> AlarmBook::doubt(const std::string& tenant, const std::string& gateway) {
  return doubt_->bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)).run();
}

Result<void> AlarmBook::raise(const std::string& tenant, const AlarmId& id, const Told& told) {
  for (auto* statement : {&again_, &raise_}) {
    if (statement == &raise_) {
      LINESIDE_ASSIGN(const bool room, make_room(tenant, id.gateway));
      if (!room) return {};
    }
    int index = 0;
    for (const std::string* text : {&tenant, &id.gateway, &id.asset, &id.kind, &told.event_id, &told.type})
      (*statement)->bind(++index, std::string_view(*text));
    (*statement)->bind(++index, static_cast<std::int64_t>(told.severity));
    for (const std::string* text : {&told.message, &told.value, &told.unit, &told.limit})
      (*statement)->bind(++index, std::string_view(*text));
    LINESIDE_ASSIGN(const bool done, changes_any((*statement)->bind(++index, count_ns(told.time))));
    if (done) return {};
  }
  return {};
}

Result<bool> AlarmBook::make_room(const std::string& tenant, const std::string& gateway) {
  LINESIDE_TRY(count_->bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)).step());
  const auto there = static_cast<std::size_t>(count_->integer(0));
  count_->reset();
  if (there < kAlarmsMax) return true;
  return changes_any(forget_->bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)));
}

Result<void> AlarmBook::clear(const std::string& tenant, const AlarmId& id, WallTime at, WallTime until) {
  const bool all = id.asset.empty() && id.kind.empty();
  Statement& end = bind(all ? *end_all_ : *end_, tenant, id);
  end.bind(5, std::max<std::int64_t>(1, count_ns(at))).bind(6, count_ns(until));
  LINESIDE_ASSIGN(const bool any, changes_any(end));
  return any ? bind(all ? *all_over_ : *over_, tenant, id).run() : Result<void>{};
}

Result<void> AlarmBook::acknowledge(const std::string& tenant, const SeenAlarm& seen, const std::string& user,
                                    WallTime now) {
  bind(*ack_, tenant, seen.id).bind(5, std::string_view(seen.event_id)).bind(6, count_ns(seen.since) / 1'000'000);
  LINESIDE_ASSIGN(const bool there, changes_any(ack_->bind(7, count_ns(now)).bind(8, std::string_view(user))));
  if (!there) return fail(ErrorCode::not_found, "There is no such alarm any more, or it has changed since.");
  return bind(*over_, tenant, seen.id).run();
}

Statement& AlarmBook::bind(Statement& statement, const std::string& tenant, const AlarmId& id) {
  statement.bind(1, std::string_view(tenant)).bind(2, std::string_view(id.gateway));
  return statement.bind(3, std::string_view(id.asset)).bind(4, std::string_view(id.kind));
}

}  // namespace lineside::hub
