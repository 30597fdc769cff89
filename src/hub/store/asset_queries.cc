// The questions about machines that are watched.
#include <nlohmann/json.hpp>

#include "hub/store/queries_state.h"

namespace lineside::hub {
namespace {

// One step of a walk over the index: as many look-ups as there are assets.
constexpr std::string_view kNextAsset = R"(
SELECT gateway, asset FROM asset_summary INDEXED BY asset_summary_by_time
WHERE tenant = ?1 AND (gateway, asset) > (?2, ?3) ORDER BY gateway, asset LIMIT 1)";

constexpr std::string_view kNewest = R"(
SELECT from_ns, to_ns, mode, progress, trouble, state, sensor, alarm, windows, anomalies, unknown, sensor_faults,
       score_min, score_mean, score_max, threshold, raw_bytes, lost_samples, velocity_mm_s, model_version, features_json
FROM asset_summary WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 ORDER BY to_ns DESC LIMIT 1)";

constexpr std::string_view kPeriod = R"(
SELECT max(to_ns - from_ns) FROM (SELECT from_ns, to_ns FROM asset_summary
WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 ORDER BY to_ns DESC LIMIT 4))";

// The event is told again when its severity grows. One that was lost on the way is taken for a high one.
constexpr std::string_view kSeverity = R"(
SELECT severity FROM event WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 AND type = 'condition.anomaly'
ORDER BY time_ns DESC LIMIT 1)";

constexpr std::string_view kSpectra = R"(
SELECT to_ns, spectra_json FROM asset_summary INDEXED BY asset_summary_spectra
WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 AND spectra_json <> '' ORDER BY to_ns DESC LIMIT 1)";

constexpr std::string_view kSeries = R"(
SELECT (to_ns - 1 - ?4) / ?6, min(nullif(score_min, 0)),
       sum(score_mean * (windows - sensor_faults)) / nullif(total(windows - sensor_faults), 0), max(score_max),
       max(threshold), max(velocity_mm_s), cast(total(windows) AS INTEGER), cast(total(anomalies) AS INTEGER),
       cast(total(unknown) AS INTEGER), cast(total(sensor_faults) AS INTEGER), cast(total(raw_bytes) AS INTEGER)
FROM asset_summary
WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 AND to_ns > ?4 AND to_ns <= ?5 AND windows > 0
GROUP BY 1 ORDER BY 1 LIMIT 2000)";

constexpr std::string_view kEvents = R"(
SELECT id, type, asset, severity, time_ns, message, evidence_json FROM event
WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 ORDER BY time_ns DESC LIMIT ?4)";

constexpr std::string_view kFeedback = R"(
SELECT judgement, note, user, time_ns FROM feedback
WHERE tenant = ?1 AND gateway = ?2 AND asset = ?3 AND event_id = ?4 ORDER BY number LIMIT 50)";

Statement& bind_asset(Statement& statement, const std::string& tenant, const AssetId& id) {
  return statement.bind(1, std::string_view(tenant))
      .bind(2, std::string_view(id.gateway))
      .bind(3, std::string_view(id.asset));
}

AssetRow read_asset(const Statement& row, const AssetId& id) {
  AssetRow asset{.id = id};
  AssetSummary& s = asset.newest;
  const auto number = [&](int column) { return static_cast<float>(row.real(column)); };
  s.asset = id.asset;
  s.from = from_ns(row.integer(0)), s.to = from_ns(row.integer(1));
  s.mode = row.text(2), s.progress = number(3), s.trouble = row.text(4), s.state = row.text(5), s.sensor = row.text(6);
  s.alarm = row.integer(7) != 0;
  s.windows = natural(row.integer(8)), s.anomalies = natural(row.integer(9)), s.unknown = natural(row.integer(10));
  s.sensor_faults = natural(row.integer(11));
  s.score_min = number(12), s.score_mean = number(13), s.score_max = number(14), s.threshold = number(15);
  s.raw_bytes = natural(row.integer(16)), s.lost_samples = natural(row.integer(17));
  s.velocity_mm_s = number(18);
  s.model_version = row.text(19);
  asset.features_json = row.text(20);
  return asset;
}

}  // namespace

EventRecord read_event(const Statement& row, int column) {
  EventRecord event{row.text(column),
                    row.text(column + 1),
                    row.text(column + 2),
                    static_cast<Severity>(row.integer(column + 3)),
                    from_ns(row.integer(column + 4)),
                    row.text(column + 5),
                    {}};
  const auto evidence = nlohmann::json::parse(row.text(column + 6), nullptr, false);
  if (evidence.is_object())
    for (const auto& [key, value] : evidence.items())
      event.evidence[key] = value.is_string() ? value.get<std::string>() : value.dump();
  return event;
}

Result<std::vector<AssetRow>> Queries::assets(const std::string& tenant) {
  std::vector<AssetRow> found;
  AssetId last;
  for (bool more = true; more;) {
    more = false;
    LINESIDE_TRY(state_->rows(
        kNextAsset, [&](Statement& ask) { bind_asset(ask, tenant, last); },
        [&](const Statement& row) {
          last = {row.text(0), row.text(1)};
          more = true;
        }));
    if (!more) break;
    LINESIDE_ASSIGN(auto newest, newest_of(tenant, last));
    if (newest) found.push_back(std::move(*newest));
  }
  return found;
}

Result<std::optional<AssetRow>> Queries::newest_of(const std::string& tenant, const AssetId& id) {
  std::optional<AssetRow> found;
  const auto bind = [&](Statement& ask) { bind_asset(ask, tenant, id); };
  LINESIDE_TRY(state_->rows(kNewest, bind, [&](const Statement& row) { found = read_asset(row, id); }));
  if (!found) return found;
  LINESIDE_TRY(state_->rows(kPeriod, bind, [&](const Statement& row) { found->period = nanoseconds{row.integer(0)}; }));
  if (!found->newest.alarm) return found;
  found->severity = Severity::high;
  LINESIDE_TRY(state_->rows(kSeverity, bind,
                            [&](const Statement& row) { found->severity = static_cast<Severity>(row.integer(0)); }));
  return found;
}

Result<std::optional<AssetRow>> Queries::asset(const std::string& tenant, const AssetId& id) {
  LINESIDE_ASSIGN(auto found, newest_of(tenant, id));
  if (!found) return found;
  LINESIDE_TRY(state_->rows(
      kSpectra, [&](Statement& ask) { bind_asset(ask, tenant, id); },
      [&](const Statement& row) {
        found->spectra_time = from_ns(row.integer(0));
        found->spectra_json = row.text(1);
      }));
  return found;
}

Result<std::vector<AssetPoint>> Queries::asset_series(const std::string& tenant, const AssetId& id, WallTime from,
                                                      WallTime to, std::chrono::seconds step) {
  std::vector<AssetPoint> points;
  LINESIDE_TRY(state_->rows(
      kSeries,
      [&](Statement& ask) {
        bind_asset(ask, tenant, id).bind(4, to_ns(from)).bind(5, to_ns(to));
        ask.bind(6, std::int64_t{nanoseconds{step}.count()});
      },
      [&](const Statement& row) {
        AssetPoint point{.from = from + row.integer(0) * nanoseconds{step}};
        point.score_min = row.real(1), point.score_mean = row.real(2), point.score_max = row.real(3);
        point.threshold = row.real(4), point.velocity_mm_s = row.real(5);
        point.windows = natural(row.integer(6)), point.anomalies = natural(row.integer(7));
        point.unknown = natural(row.integer(8)), point.sensor_faults = natural(row.integer(9));
        point.raw_bytes = natural(row.integer(10));
        points.push_back(point);
      }));
  return points;
}

Result<std::vector<AssetEvent>> Queries::asset_events(const std::string& tenant, const AssetId& id, int limit) {
  std::vector<AssetEvent> found;
  LINESIDE_TRY(state_->rows(
      kEvents, [&](Statement& ask) { bind_asset(ask, tenant, id).bind(4, std::int64_t{limit}); },
      [&](const Statement& row) { found.push_back({{id.gateway, read_event(row, 0)}, {}}); }));
  for (AssetEvent& event : found)
    LINESIDE_TRY(state_->rows(
        kFeedback, [&](Statement& ask) { bind_asset(ask, tenant, id).bind(4, std::string_view(event.row.event.id)); },
        [&](const Statement& row) {
          event.feedback.push_back({id.gateway, id.asset, event.row.event.id, row.text(0), row.text(1), row.text(2),
                                    from_ns(row.integer(3))});
        }));
  return found;
}

}  // namespace lineside::hub
