#include "hub/http/json_views.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace lineside::hub {
namespace {

using Json = nlohmann::ordered_json;

// Texts came over the wire: bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json time_json(WallTime time) { return time == WallTime{} ? Json(nullptr) : Json(to_rfc3339(time)); }
Json ms_json(std::int64_t ns) { return ns < 0 ? Json(nullptr) : Json(static_cast<double>(ns) / 1e6); }

Json to_json(const Counts& counts) {
  return {{"items", counts.items},         {"passed", counts.passed}, {"rejected", counts.rejected},
          {"fail_safe", counts.fail_safe}, {"late", counts.late},     {"actuation_failed", counts.actuation_failed},
          {"raw_bytes", counts.raw_bytes}};
}

Json to_json(const StationState& state) {
  return {{"gateway", state.id.gateway},
          {"station", state.id.station},
          {"gateway_online", state.gateway_online},
          {"newest", time_json(state.newest)},
          {"camera_up", state.camera_up},
          {"actuator_up", state.actuator_up},
          {"model_version", state.model_version},
          {"deadline_ms", state.deadline_ns > 0 ? ms_json(state.deadline_ns) : Json(nullptr)},
          {"today_from", time_json(state.today_from)},
          {"today", to_json(state.today)},
          {"items_per_minute", state.items_per_minute},
          {"reject_share", state.reject_share},
          {"late", state.late},
          {"not_ejected", state.not_ejected}};
}

Json to_json(const std::optional<std::array<GatewayReport::Waiting, 2>>& waiting) {
  if (!waiting) return nullptr;
  Json list = Json::array();
  for (const Lane lane : {Lane::urgent, Lane::bulk}) {
    const auto& one = (*waiting)[static_cast<std::size_t>(lane)];
    list.push_back({{"lane", to_string(lane)}, {"records", one.records}, {"oldest_s", one.oldest_s}});
  }
  return list;
}

Json to_json(const GatewayState& state) {
  return {{"gateway", state.gateway},
          {"online", state.online},
          {"last_seen", time_json(state.last_seen)},
          {"newest_urgent", time_json(state.newest_urgent)},
          {"newest_bulk", time_json(state.newest_bulk)},
          {"waiting", to_json(state.waiting)},
          {"has_tags", state.has_tags}};
}

std::string picture_path(const std::string& gateway, const PictureId& id) {
  return std::format("/api/v1/pictures/{}/{}/{}/{}", gateway, to_string(id.lane), id.epoch, id.sequence);
}

Json to_json(const RejectRow& row) {
  const auto& verdict = row.verdict;
  Json json{{"gateway", row.id.gateway},
            {"station", row.id.station},
            {"item", verdict.item},
            {"time", time_json(verdict.time)},
            {"reason", to_string(verdict.reason)},
            {"fail_safe", is_fail_safe(verdict.reason)},
            {"score", std::isfinite(verdict.score) ? Json(verdict.score) : Json(nullptr)},
            {"label", verdict.label},
            {"model_version", verdict.model_version},
            {"deadline_met", verdict.deadline_met},
            {"actuated", verdict.actuated},
            {"decision_ms", ms_json(verdict.decision_ns)},
            {"actuation_ms", ms_json(verdict.actuation_ns)},
            {"picture", nullptr}};
  if (row.picture) json["picture"] = {{"url", picture_path(row.id.gateway, *row.picture)}, {"kind", row.picture->kind}};
  return json;
}

Json to_json(const EventRow& row) {
  return {{"gateway", row.gateway},
          {"id", row.event.id},
          {"type", row.event.type},
          {"asset", row.event.asset},
          {"severity", to_string(row.event.severity)},
          {"time", time_json(row.event.time)},
          {"message", row.event.message},
          {"evidence", row.event.evidence}};
}

Json to_json(const AssetRow& row) {
  const AssetSummary& s = row.newest;
  return {{"gateway", row.id.gateway},
          {"asset", row.id.asset},
          {"time", time_json(s.to)},
          {"period_s", static_cast<double>(row.period.count()) / 1e9},
          {"mode", s.mode},
          {"progress", s.progress},
          {"trouble", s.trouble},
          {"state", s.state},
          {"sensor", s.sensor},
          {"alarm", s.alarm},
          {"severity", to_string(row.severity)},
          {"windows", s.windows},
          {"anomalies", s.anomalies},
          {"unknown", s.unknown},
          {"sensor_faults", s.sensor_faults},
          {"score_mean", s.score_mean},
          {"score_max", s.score_max},
          {"threshold", s.threshold},
          {"velocity_mm_s", s.velocity_mm_s < 0 ? Json(nullptr) : Json(s.velocity_mm_s)},
          {"model_version", s.model_version}};
}

Json to_json(const AssetPoint& point) {
  return {{"from", time_json(point.from)}, {"score_min", point.score_min}, {"score_mean", point.score_mean},
          {"score_max", point.score_max},  {"threshold", point.threshold}, {"windows", point.windows},
          {"anomalies", point.anomalies},  {"unknown", point.unknown},     {"sensor_faults", point.sensor_faults}};
}

Json to_json(const AssetEvent& event) {
  Json json = to_json(event.row);
  json["feedback"] = Json::array();
  for (const Feedback& one : event.feedback)
    json["feedback"].push_back(
        {{"judgement", one.judgement}, {"note", one.note}, {"user", one.user}, {"time", time_json(one.time)}});
  return json;
}

const char* state_of(const AlarmRow& alarm) {
  if (alarm.cleared != WallTime{}) return "returned";
  return alarm.acked != WallTime{} ? "acknowledged" : "unacknowledged";
}

Json to_json(const AlarmRow& alarm) {
  return {{"gateway", alarm.id.gateway},
          {"asset", alarm.id.asset},
          {"kind", alarm.id.kind},
          {"event_id", alarm.newest.id},
          {"type", alarm.newest.type},
          {"priority", to_string(alarm.newest.severity)},
          {"state", state_of(alarm)},
          {"sure", alarm.sure},
          {"since", time_json(alarm.since)},
          {"changed", time_json(alarm.newest.time)},
          {"cleared", time_json(alarm.cleared)},
          {"acknowledged_by", alarm.acked_by},
          {"message", alarm.newest.message},
          {"value", alarm.value},
          {"unit", alarm.unit},
          {"limit", alarm.limit}};
}

// What the store keeps as JSON, or an empty list.
Json stored_json(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_array() ? json : Json::array();
}

template <class Rows>
Json list_json(const Rows& rows) {
  Json list = Json::array();
  for (const auto& row : rows) list.push_back(to_json(row));
  return list;
}

// Where the q-th of all counted values lies: the upper bound of its bucket. 0 without any.
std::int64_t quantile(const std::vector<LatencyBucket>& buckets, std::uint64_t total, double q) {
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(total)));
  std::uint64_t seen = 0;
  for (const auto& bucket : buckets)
    if ((seen += bucket.count) >= rank && bucket.count > 0) return bucket.upper_ns;
  return 0;
}

}  // namespace

std::string me_json(const Principal& principal) {
  return text_of({{"tenant", principal.tenant},
                  {"user", principal.user},
                  {"role", principal.role},
                  {"expires", time_json(principal.expires)}});
}

std::string stations_json(const std::vector<StationState>& stations) {
  return text_of({{"stations", list_json(stations)}});
}

std::string gateways_json(const std::vector<GatewayRow>& rows, const std::vector<GatewayState>& states) {
  Json list = Json::array();
  for (const auto& row : rows) {
    GatewayState state{row.gateway, row.online, row.last_seen, {}, {}, {}};
    const auto live = std::ranges::lower_bound(states, row.gateway, {}, &GatewayState::gateway);
    if (live != states.end() && live->gateway == row.gateway) state = *live;
    Json json = to_json(state);
    json["first_seen"] = time_json(row.first_seen);
    json["version"] = row.version;
    json["wire_bytes"] = row.wire_bytes;
    json["raw_bytes"] = row.raw_bytes;
    json["batches"] = row.batches;
    json["records"] = row.records;
    json["lost"] = row.lost;
    json["lanes"] = Json::array();
    for (const auto& lane : row.lanes)
      json["lanes"].push_back({{"lane", to_string(lane.lane)}, {"watermark", lane.watermark}});
    list.push_back(std::move(json));
  }
  return text_of({{"gateways", std::move(list)}});
}

std::string series_json(const std::vector<SeriesPoint>& points, WallTime from, WallTime to, std::chrono::seconds step) {
  Json list = Json::array();
  for (const auto& point : points) {
    Json json = to_json(point.counts);
    json["from"] = time_json(point.from);
    list.push_back(std::move(json));
  }
  return text_of({{"from", time_json(from)}, {"to", time_json(to)}, {"step_seconds", step.count()}, {"points", list}});
}

std::string latency_json(const std::vector<LatencyBucket>& buckets, std::int64_t deadline_ns, WallTime from,
                         WallTime to) {
  std::uint64_t total = 0;
  std::int64_t max_ns = 0;
  Json list = Json::array();
  for (const auto& bucket : buckets) {
    if (bucket.count == 0) continue;
    total += bucket.count;
    max_ns = std::max(max_ns, bucket.upper_ns);
    list.push_back({{"upper_ms", ms_json(bucket.upper_ns)}, {"count", bucket.count}});
  }
  const auto at = [&](double q) { return total == 0 ? Json(nullptr) : ms_json(quantile(buckets, total, q)); };
  return text_of({{"from", time_json(from)},
                  {"to", time_json(to)},
                  {"count", total},
                  {"deadline_ms", deadline_ns > 0 ? ms_json(deadline_ns) : Json(nullptr)},
                  {"p50_ms", at(0.5)},
                  {"p99_ms", at(0.99)},
                  {"p999_ms", at(0.999)},
                  {"max_ms", total == 0 ? Json(nullptr) : ms_json(max_ns)},
                  {"buckets", list}});
}

std::string rejects_json(const std::vector<RejectRow>& rejects) { return text_of({{"rejects", list_json(rejects)}}); }
std::string events_json(const std::vector<EventRow>& events) { return text_of({{"events", list_json(events)}}); }

std::string losses_json(const std::vector<LossRow>& losses) {
  Json list = Json::array();
  for (const auto& row : losses)
    list.push_back({{"gateway", row.gateway},
                    {"lane", to_string(row.loss.lane)},
                    {"first", row.loss.first},
                    {"last", row.loss.last},
                    {"cause", row.loss.cause},
                    {"exact", row.exact},
                    {"time", time_json(row.loss.time)}});
  return text_of({{"losses", list}});
}

std::string assets_json(const std::vector<AssetRow>& assets) { return text_of({{"assets", list_json(assets)}}); }

std::string asset_json(const AssetRow& asset) {
  Json json = to_json(asset);
  json["features"] = Json::array();
  for (const Json& pair : stored_json(asset.features_json))
    if (pair.is_array() && pair.size() == 2) json["features"].push_back({{"name", pair[0]}, {"spreads", pair[1]}});
  json["spectra_time"] = time_json(asset.spectra_time);
  json["spectra"] = stored_json(asset.spectra_json);
  return text_of(json);
}

std::string asset_series_json(const std::vector<AssetPoint>& points, WallTime from, WallTime to,
                              std::chrono::seconds step) {
  return text_of({{"from", time_json(from)},
                  {"to", time_json(to)},
                  {"step_seconds", step.count()},
                  {"points", list_json(points)}});
}

std::string alarms_json(const AlarmList& list) {
  Json active = Json::object();
  for (const Severity severity : {Severity::critical, Severity::high, Severity::medium, Severity::low})
    active[to_string(severity)] = list.active[static_cast<std::size_t>(severity)];
  return text_of({{"alarms", list_json(list.alarms)},
                  {"active", std::move(active)},
                  {"unacknowledged", list.unacknowledged},
                  {"complete", list.complete}});
}

std::string asset_events_json(const std::vector<AssetEvent>& events) {
  return text_of({{"events", list_json(events)}});
}

std::string live_json(const char* type, const BoardChanges& changes, WallTime now) {
  return text_of({{"type", type},
                  {"time", time_json(now)},
                  {"stations", list_json(changes.stations)},
                  {"gateways", list_json(changes.gateways)},
                  {"assets", list_json(changes.assets)},
                  {"rejects", list_json(changes.rejects)},
                  {"events", list_json(changes.events)}});
}

std::string problem_json(int status, const Error& error) {
  return text_of({{"type", "about:blank"},
                  {"title", code_meaning(error.code)},
                  {"status", status},
                  {"detail", error.message},
                  {"code", code_name(error.code)},
                  {"action", code_action(error.code)}});
}

}  // namespace lineside::hub
