#include "gateway/local/view_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace lineside::gateway {
namespace {

using Json = nlohmann::ordered_json;

double ms(nanoseconds duration) { return std::round(static_cast<double>(duration.count()) / 1e3) / 1e3; }

// Names come from configuration files and may be anything; broken UTF-8 must not make the page fail.
std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json stage(MonoTime moment, MonoTime trigger) { return moment == MonoTime{} ? Json{} : Json(ms(moment - trigger)); }

Json json_of(const VerdictRow& row) {
  const Verdict& v = row.verdict;
  const Stamps& s = v.stamps;
  const double score = std::round(static_cast<double>(v.score) * 1e4) / 1e4;
  return {{"station", row.station},
          {"item", v.item},
          {"time", to_rfc3339(v.time)},
          {"decision", to_string(v.decision)},
          {"reason", to_string(v.reason)},
          {"fail_safe", is_fail_safe(v.reason)},
          {"score", std::isfinite(score) ? Json(score) : Json{}},
          {"label", row.label},
          {"model", row.model_version},
          {"deadline_met", v.deadline_met},
          {"actuated", v.actuated},
          {"ms",
           {{"exposure", stage(s.exposure, s.trigger)},
            {"preprocess", stage(s.preprocess, s.trigger)},
            {"inference", stage(s.inference, s.trigger)},
            {"decision", stage(s.decision, s.trigger)},
            {"actuation", stage(s.actuation, s.trigger)}}},
          {"picture", row.sample_id.empty() ? Json{} : Json("/samples/" + row.sample_id + ".jpg")}};
}

Json json_of(const StationStatus& station) {
  Json cameras = Json::array();
  for (const auto& camera : station.cameras)
    cameras.push_back({{"name", camera.name}, {"up", camera.up}, {"message", camera.message}});
  const StationLatency& l = station.latency;
  return {{"name", station.name},
          {"trouble", station.trouble},
          {"cameras", std::move(cameras)},
          {"actuator",
           station.has_actuator ? Json{{"up", station.actuator_up}, {"message", station.actuator_message}} : Json{}},
          {"model", station.model_version},
          {"reject_threshold", station.reject_threshold},
          {"deadline_ms", ms(station.deadline)},
          {"items", station.items},
          {"passed", station.passed},
          {"rejected", station.rejected},
          {"fail_safe", station.fail_safe},
          {"late", station.late},
          {"actuation_failed", station.actuation_failed},
          {"latency_ms", {{"p50", ms(l.p50)}, {"p99", ms(l.p99)}, {"p999", ms(l.p999)}, {"max", ms(l.max)}}}};
}

Json json_of(const AssetStatus& asset) {
  const AssetSummary& now = asset.now;
  Json features = Json::array(), spectra = Json::array();
  for (const auto& [name, spreads] : now.features) features.push_back({{"name", name}, {"spreads", spreads}});
  for (const AssetSpectrum& one : now.spectra)
    spectra.push_back({{"channel", one.channel},
                       {"unit", one.unit},
                       {"low_hz", one.low_hz},
                       {"now", one.now},
                       {"normal", one.normal},
                       {"spread", one.spread}});
  return {{"name", now.asset},
          {"mode", now.mode},
          {"progress", now.progress},
          {"trouble", now.trouble},
          {"state", now.state},
          {"sensor", now.sensor},
          {"alarm", now.alarm},
          {"message", asset.message},
          {"severity", to_string(asset.severity)},
          {"score", asset.score},
          {"threshold", now.threshold},
          {"windows", now.windows},
          {"anomalies", now.anomalies},
          {"model", now.model_version},
          {"dropped_blocks", asset.dropped_blocks},
          {"features", std::move(features)},
          {"spectra", std::move(spectra)}};
}

}  // namespace

std::string health_json(std::span<const std::string> trouble) {
  return text({{"ok", trouble.empty()}, {"trouble", std::vector<std::string>(trouble.begin(), trouble.end())}});
}

std::string stations_json(const std::string& gateway, std::span<const std::string> trouble,
                          std::span<const StationStatus> stations) {
  Json list = Json::array();
  for (const auto& station : stations) list.push_back(json_of(station));
  return text({{"gateway", gateway},
               {"trouble", std::vector<std::string>(trouble.begin(), trouble.end())},
               {"stations", std::move(list)}});
}

std::string assets_json(const std::string& gateway, std::span<const AssetStatus> assets) {
  Json list = Json::array();
  for (const auto& asset : assets) list.push_back(json_of(asset));
  return text({{"gateway", gateway}, {"assets", std::move(list)}});
}

std::string tags_json(const std::string& gateway, std::span<const TagRow> tags) {
  Json list = Json::array();
  for (const TagRow& row : tags) {
    const Sample& newest = row.newest;
    const bool known = newest.received != WallTime{};
    const char* quality = newest.quality == Quality::good  ? "good"
                          : newest.quality == Quality::bad ? "bad"
                                                           : "uncertain";
    list.push_back(
        {{"tag", row.tag},
         {"unit", row.unit},
         {"value", known && newest.quality != Quality::bad ? Json(newest.value) : Json(nullptr)},
         {"quality", known ? Json(quality) : Json(nullptr)},
         {"measured", newest.source_time != WallTime{} ? Json(to_rfc3339(newest.source_time)) : Json(nullptr)},
         {"received", known ? Json(to_rfc3339(newest.received)) : Json(nullptr)}});
  }
  return text({{"gateway", gateway}, {"tags", std::move(list)}});
}

std::string alarms_json(const std::string& gateway, std::span<const AlarmRow> alarms) {
  Json list = Json::array();
  for (const AlarmRow& row : alarms)
    list.push_back({{"rule", row.rule},
                    {"asset", row.asset},
                    {"severity", to_string(row.severity)},
                    {"state", row.state},
                    {"acknowledged", row.acknowledged},
                    {"known", row.known},
                    {"since", row.since != WallTime{} ? Json(to_rfc3339(row.since)) : Json(nullptr)},
                    {"message", row.message}});
  return text({{"gateway", gateway}, {"alarms", std::move(list)}});
}

std::string verdicts_json(std::span<const VerdictRow> rows) {
  Json list = Json::array();
  for (const auto& row : rows) list.push_back(json_of(row));
  return text({{"items", std::move(list)}});
}

std::string error_json(const std::string& message) { return text({{"error", message}}); }

std::vector<std::string> all_trouble(const LocalView& view) {
  auto trouble = view.trouble();
  for (const auto& station : view.stations())
    if (!station.trouble.empty()) trouble.push_back("station '" + station.name + "': " + station.trouble);
  for (const auto& asset : view.assets()) {
    if (!asset.now.trouble.empty()) trouble.push_back("asset '" + asset.now.asset + "': " + asset.now.trouble);
    if (!asset.now.sensor.empty()) trouble.push_back("sensors of '" + asset.now.asset + "': " + asset.now.sensor);
  }
  return trouble;
}

bool is_sample_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && id.front() != '.' && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

}  // namespace lineside::gateway
