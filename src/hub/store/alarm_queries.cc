// The questions about alarms.
#include "hub/store/queries_state.h"

namespace lineside::hub {
namespace {

// ?2: what returned before it is not shown.
constexpr std::string_view kAlarms = R"(
SELECT gateway, asset, kind, event_id, type, severity, message, value, unit, limit_value, since_ns, changed_ns,
       cleared_ns, acked_ns, acked_by, sure
FROM alarm WHERE tenant = ?1 AND (cleared_ns = 0 OR cleared_ns > ?2)
ORDER BY cleared_ns > 0, severity DESC, acked_ns > 0, since_ns DESC, gateway, asset, kind LIMIT ?3)";

constexpr std::string_view kCounts = R"(
SELECT severity, count(*), sum(acked_ns = 0) FROM alarm WHERE tenant = ?1 AND cleared_ns = 0 GROUP BY severity)";

constexpr std::string_view kFull = R"(
SELECT 1 FROM alarm WHERE tenant = ?1 GROUP BY gateway HAVING count(*) >= ?2 LIMIT 1)";

WallTime time_or_none(std::int64_t ns) { return ns <= 0 ? WallTime{} : from_ns(ns); }

AlarmRow read_alarm(const Statement& row) {
  AlarmRow alarm{.id = {row.text(0), row.text(1), row.text(2)}};
  alarm.newest = {
      row.text(3), row.text(4), alarm.id.asset, static_cast<Severity>(row.integer(5)), from_ns(row.integer(11)),
      row.text(6), {}};
  alarm.value = row.text(7);
  alarm.unit = row.text(8);
  alarm.limit = row.text(9);
  alarm.since = from_ns(row.integer(10));
  alarm.cleared = time_or_none(row.integer(12));
  alarm.acked = time_or_none(row.integer(13));
  alarm.acked_by = row.text(14);
  alarm.sure = row.integer(15) != 0;
  return alarm;
}

}  // namespace

Result<AlarmList> Queries::alarms(const std::string& tenant, WallTime now, int limit) {
  AlarmList list;
  LINESIDE_TRY(state_->rows(
      kAlarms,
      [&](Statement& ask) {
        ask.bind(1, std::string_view(tenant)).bind(2, to_ns(now - kReturnedAlarmsShown)).bind(3, std::int64_t{limit});
      },
      [&](const Statement& row) { list.alarms.push_back(read_alarm(row)); }));
  LINESIDE_TRY(state_->rows(
      kCounts, [&](Statement& ask) { ask.bind(1, std::string_view(tenant)); },
      [&](const Statement& row) {
        list.active.at(natural(row.integer(0))) = natural(row.integer(1));
        list.unacknowledged += natural(row.integer(2));
      }));
  LINESIDE_TRY(state_->rows(
      kFull,
      [&](Statement& ask) { ask.bind(1, std::string_view(tenant)).bind(2, static_cast<std::int64_t>(kAlarmsMax)); },
      [&](const Statement&) { list.complete = false; }));
  return list;
}

}  // namespace lineside::hub
