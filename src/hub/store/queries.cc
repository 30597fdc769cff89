#include "hub/store/queries.h"

#include <format>
#include <nlohmann/json.hpp>

#include "base/sqlite.h"
#include "hub/store/queries_state.h"

namespace lineside::hub {
namespace {

// Sums by total(), not sum(): an error because of one gateway's made-up figures would keep the whole hub from starting.
constexpr std::string_view kGateways = R"(
SELECT g.id, g.online, g.first_seen_ns, g.last_seen_ns, g.version, coalesce(t.wire_bytes, 0), coalesce(t.raw_bytes, 0),
       coalesce(t.batches, 0), coalesce(t.records, 0),
       (SELECT cast(total(max(0, l.last_sequence - l.first_sequence + 1)) AS INTEGER) FROM loss l
         WHERE l.tenant = g.tenant AND l.gateway = g.id)
FROM gateway g LEFT JOIN traffic t ON t.tenant = g.tenant AND t.gateway = g.id
WHERE g.tenant = ?1 ORDER BY g.id)";

constexpr std::string_view kLanes =
    "SELECT lane, last_sequence FROM watermark WHERE tenant = ?1 AND gateway = ?2 ORDER BY lane";

// One step of a walk over the index: as many look-ups as there are stations, however many summaries there are.
constexpr std::string_view kNextStation = R"(
SELECT gateway, station FROM station_summary INDEXED BY station_summary_by_time
WHERE tenant = ?1 AND (gateway, station) > (?2, ?3) ORDER BY gateway, station LIMIT 1)";

constexpr std::string_view kNewestSummaries = R"(
SELECT from_ns, to_ns, items, passed, rejected, fail_safe, late, actuation_failed, raw_bytes, camera_up, actuator_up,
       model_version, deadline_ns
FROM station_summary WHERE tenant = ?1 AND gateway = ?2 AND station = ?3 ORDER BY to_ns DESC LIMIT ?4)";

constexpr std::string_view kTotals = R"(
SELECT 0, cast(total(items) AS INTEGER), cast(total(passed) AS INTEGER), cast(total(rejected) AS INTEGER),
       cast(total(fail_safe) AS INTEGER), cast(total(late) AS INTEGER), cast(total(actuation_failed) AS INTEGER),
       cast(total(raw_bytes) AS INTEGER)
FROM station_summary
WHERE tenant = ?1 AND gateway = ?2 AND station = ?3 AND to_ns > ?4 AND to_ns <= ?5)";

constexpr std::string_view kSeries = R"(
SELECT (to_ns - 1 - ?4) / ?6, cast(total(items) AS INTEGER), cast(total(passed) AS INTEGER),
       cast(total(rejected) AS INTEGER), cast(total(fail_safe) AS INTEGER), cast(total(late) AS INTEGER),
       cast(total(actuation_failed) AS INTEGER), cast(total(raw_bytes) AS INTEGER)
FROM station_summary
WHERE tenant = ?1 AND gateway = ?2 AND station = ?3 AND to_ns > ?4 AND to_ns <= ?5
GROUP BY 1 ORDER BY 1)";

constexpr std::string_view kLatency = R"(
SELECT latency_json FROM station_summary
WHERE tenant = ?1 AND gateway = ?2 AND station = ?3 AND to_ns > ?4 AND to_ns <= ?5)";

constexpr std::string_view kRejects = R"(
SELECT item, time_ns, decision, reason, score, label, model_version, deadline_met, actuated, decision_ns, actuation_ns
FROM verdict
WHERE tenant = ?1 AND gateway = ?2 AND station = ?3 AND decision = 1 ORDER BY time_ns DESC LIMIT ?4)";

// A thumbnail before the full picture: the page shows them small.
constexpr std::string_view kPictureOf = R"(
SELECT lane, epoch, sequence, kind FROM picture
WHERE tenant = ?1 AND gateway = ?2 AND station = ?3 AND item = ?4
ORDER BY epoch DESC, kind = 'thumbnail' DESC, sequence DESC LIMIT 1)";

constexpr std::string_view kPicture =
    "SELECT jpeg FROM picture WHERE tenant = ?1 AND gateway = ?2 AND lane = ?3 AND epoch = ?4 AND sequence = ?5";

constexpr std::string_view kEvents = R"(
SELECT gateway, id, type, asset, severity, time_ns, message, evidence_json FROM event
WHERE tenant = ?1 AND ?2 = '' ORDER BY time_ns DESC LIMIT ?3)";

// A quiet gateway's events lie far apart among those of its tenant.
constexpr std::string_view kEventsOfOne = R"(
SELECT gateway, id, type, asset, severity, time_ns, message, evidence_json FROM event INDEXED BY event_by_gateway
WHERE tenant = ?1 AND gateway = ?2 ORDER BY time_ns DESC LIMIT ?3)";

constexpr std::string_view kLosses = R"(
SELECT gateway, lane, first_sequence, last_sequence, cause, exact, time_ns FROM loss
WHERE tenant = ?1 AND (?2 = '' OR gateway = ?2) ORDER BY time_ns DESC LIMIT ?3)";

Statement& bind_station(Statement& statement, const std::string& tenant, const StationId& id) {
  return statement.bind(1, std::string_view(tenant))
      .bind(2, std::string_view(id.gateway))
      .bind(3, std::string_view(id.station));
}

Counts read_counts(const Statement& row, int column) {
  const auto at = [&](int offset) { return natural(row.integer(column + offset)); };
  return {at(0), at(1), at(2), at(3), at(4), at(5), at(6)};
}

Result<void> add_buckets(const std::string& text, std::map<std::int64_t, std::uint64_t>& sums) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) return fail(ErrorCode::database, "A stored latency histogram can't be read.");
  for (const auto& bucket : json) {
    if (!bucket.is_array() || bucket.size() != 2 || !bucket[0].is_number() || !bucket[1].is_number()) continue;
    sums[bucket[0].get<std::int64_t>()] += bucket[1].get<std::uint64_t>();
  }
  return {};
}

Lane lane_of(std::int64_t value) { return value == 0 ? Lane::urgent : Lane::bulk; }

}  // namespace

void Counts::add(const StationSummary& summary) {
  items += summary.items;
  passed += summary.passed;
  rejected += summary.rejected;
  fail_safe += summary.fail_safe;
  late += summary.late;
  actuation_failed += summary.actuation_failed;
  raw_bytes += summary.raw_bytes;
}

Queries::Queries(std::unique_ptr<State> state) : state_(std::move(state)) {}
Queries::Queries(Queries&&) noexcept = default;
Queries& Queries::operator=(Queries&&) noexcept = default;
Queries::~Queries() = default;

Result<Queries> Queries::open(const std::filesystem::path& path) {
  LINESIDE_ASSIGN(auto database, Database::open(path, Durability::normal, true));
  return Queries(std::make_unique<State>(std::move(database)));
}

Result<std::vector<std::string>> Queries::tenants() {
  std::vector<std::string> found;
  LINESIDE_TRY(state_->rows(
      "SELECT id FROM tenant ORDER BY id", [](Statement&) {},
      [&](const Statement& row) { found.push_back(row.text(0)); }));
  return found;
}

Result<std::vector<GatewayRow>> Queries::gateways(const std::string& tenant) {
  std::vector<GatewayRow> found;
  LINESIDE_TRY(state_->rows(
      kGateways, [&](Statement& ask) { ask.bind(1, std::string_view(tenant)); },
      [&](const Statement& row) {
        found.push_back({row.text(0),
                         row.integer(1) != 0,
                         from_ns(row.integer(2)),
                         from_ns(row.integer(3)),
                         row.text(4),
                         natural(row.integer(5)),
                         natural(row.integer(6)),
                         natural(row.integer(7)),
                         natural(row.integer(8)),
                         natural(row.integer(9)),
                         {}});
      }));
  for (auto& gateway : found)
    LINESIDE_TRY(state_->rows(
        kLanes,
        [&](Statement& ask) { ask.bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway.gateway)); },
        [&](const Statement& row) { gateway.lanes.push_back({lane_of(row.integer(0)), natural(row.integer(1))}); }));
  return found;
}

Result<std::vector<StationId>> Queries::stations(const std::string& tenant) {
  std::vector<StationId> found;
  StationId last;
  for (;;) {
    const auto before = found.size();
    LINESIDE_TRY(state_->rows(
        kNextStation, [&](Statement& ask) { bind_station(ask, tenant, last); },
        [&](const Statement& row) { found.push_back({row.text(0), row.text(1)}); }));
    if (found.size() == before) return found;
    last = found.back();
  }
}

Result<std::vector<StationSummary>> Queries::newest_summaries(const std::string& tenant, const StationId& id,
                                                              int limit) {
  std::vector<StationSummary> found;
  LINESIDE_TRY(state_->rows(
      kNewestSummaries, [&](Statement& ask) { bind_station(ask, tenant, id).bind(4, std::int64_t{limit}); },
      [&](const Statement& row) {
        const auto counts = read_counts(row, 2);
        StationSummary summary{.station = id.station, .from = from_ns(row.integer(0)), .to = from_ns(row.integer(1))};
        summary.items = counts.items;
        summary.passed = counts.passed;
        summary.rejected = counts.rejected;
        summary.fail_safe = counts.fail_safe;
        summary.late = counts.late;
        summary.actuation_failed = counts.actuation_failed;
        summary.raw_bytes = counts.raw_bytes;
        summary.camera_up = row.integer(9) != 0;
        summary.actuator_up = row.integer(10) != 0;
        summary.model_version = row.text(11);
        summary.deadline_ns = row.integer(12);
        found.push_back(std::move(summary));
      }));
  return found;
}

Result<Counts> Queries::totals(const std::string& tenant, const StationId& id, WallTime from, WallTime to) {
  Counts counts;
  LINESIDE_TRY(state_->rows(
      kTotals, [&](Statement& ask) { bind_station(ask, tenant, id).bind(4, to_ns(from)).bind(5, to_ns(to)); },
      [&](const Statement& row) { counts = read_counts(row, 1); }));
  return counts;
}

Result<std::vector<SeriesPoint>> Queries::series(const std::string& tenant, const StationId& id, WallTime from,
                                                 WallTime to, std::chrono::seconds step) {
  std::vector<SeriesPoint> points;
  LINESIDE_TRY(state_->rows(
      kSeries,
      [&](Statement& ask) {
        bind_station(ask, tenant, id)
            .bind(4, to_ns(from))
            .bind(5, to_ns(to))
            .bind(6, std::int64_t{nanoseconds{step}.count()});
      },
      [&](const Statement& row) {
        points.push_back({from + row.integer(0) * nanoseconds{step}, read_counts(row, 1)});
      }));
  return points;
}

Result<std::vector<LatencyBucket>> Queries::latency(const std::string& tenant, const StationId& id, WallTime from,
                                                    WallTime to) {
  std::map<std::int64_t, std::uint64_t> sums;
  Result<void> readable;
  LINESIDE_TRY(state_->rows(
      kLatency, [&](Statement& ask) { bind_station(ask, tenant, id).bind(4, to_ns(from)).bind(5, to_ns(to)); },
      [&](const Statement& row) {
        if (auto added = add_buckets(row.text(0), sums); !added) readable = std::move(added);
      }));
  LINESIDE_TRY(std::move(readable));
  std::vector<LatencyBucket> buckets;
  for (const auto& [upper, count] : sums) buckets.push_back({upper, count});
  return buckets;
}

Result<std::vector<RejectRow>> Queries::rejects(const std::string& tenant, const StationId& id, int limit) {
  std::vector<RejectRow> found;
  LINESIDE_TRY(state_->rows(
      kRejects, [&](Statement& ask) { bind_station(ask, tenant, id).bind(4, std::int64_t{limit}); },
      [&](const Statement& row) {
        VerdictRecord verdict{.station = id.station, .item = natural(row.integer(0)), .time = from_ns(row.integer(1))};
        verdict.decision = row.integer(2) == 0 ? Decision::pass : Decision::reject;
        verdict.reason = static_cast<Reason>(row.integer(3));
        verdict.score = row.is_null(4) ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(row.real(4));
        verdict.label = row.text(5);
        verdict.model_version = row.text(6);
        verdict.deadline_met = row.integer(7) != 0;
        verdict.actuated = row.integer(8) != 0;
        verdict.decision_ns = row.integer(9);
        verdict.actuation_ns = row.integer(10);
        found.push_back({id, std::move(verdict), std::nullopt});
      }));
  for (auto& reject : found) {
    LINESIDE_ASSIGN(reject.picture, picture_of(tenant, id, reject.verdict.item));
  }
  return found;
}

Result<std::vector<EventRow>> Queries::events(const std::string& tenant, const std::string& gateway, int limit) {
  std::vector<EventRow> found;
  LINESIDE_TRY(state_->rows(
      gateway.empty() ? kEvents : kEventsOfOne,
      [&](Statement& ask) {
        ask.bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)).bind(3, std::int64_t{limit});
      },
      [&](const Statement& row) {
        EventRecord event = read_event(row, 1);
        found.push_back({row.text(0), std::move(event)});
      }));
  return found;
}

Result<std::vector<LossRow>> Queries::losses(const std::string& tenant, const std::string& gateway, int limit) {
  std::vector<LossRow> found;
  LINESIDE_TRY(state_->rows(
      kLosses,
      [&](Statement& ask) {
        ask.bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)).bind(3, std::int64_t{limit});
      },
      [&](const Statement& row) {
        found.push_back({row.text(0),
                         {lane_of(row.integer(1)), natural(row.integer(2)), natural(row.integer(3)), row.text(4),
                          from_ns(row.integer(6))},
                         row.integer(5) != 0});
      }));
  return found;
}

Result<std::optional<PictureId>> Queries::picture_of(const std::string& tenant, const StationId& id,
                                                     std::uint64_t item) {
  std::optional<PictureId> picture;
  LINESIDE_TRY(state_->rows(
      kPictureOf, [&](Statement& ask) { bind_station(ask, tenant, id).bind(4, static_cast<std::int64_t>(item)); },
      [&](const Statement& row) {
        picture = {lane_of(row.integer(0)), natural(row.integer(1)), natural(row.integer(2)), row.text(3)};
      }));
  return picture;
}

Result<std::optional<std::vector<std::uint8_t>>> Queries::picture(const std::string& tenant, const std::string& gateway,
                                                                  const PictureId& id) {
  std::optional<std::vector<std::uint8_t>> jpeg;
  LINESIDE_TRY(state_->rows(
      kPicture,
      [&](Statement& ask) {
        ask.bind(1, std::string_view(tenant))
            .bind(2, std::string_view(gateway))
            .bind(3, static_cast<std::int64_t>(id.lane));
        ask.bind(4, static_cast<std::int64_t>(id.epoch)).bind(5, static_cast<std::int64_t>(id.sequence));
      },
      [&](const Statement& row) { jpeg = row.blob(0); }));
  return jpeg;
}

}  // namespace lineside::hub
