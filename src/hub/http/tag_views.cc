#include "hub/http/tag_views.h"

#include <nlohmann/json.hpp>

namespace lineside::hub {
namespace {

using Json = nlohmann::ordered_json;

// Texts came over the wire: bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const char* quality_text(Quality quality) {
  return quality == Quality::good ? "good" : quality == Quality::uncertain ? "uncertain" : "bad";
}

Json value_json(const TagPoint& point, double value) { return point.count > 0 ? Json(value) : Json(nullptr); }

std::int64_t ms_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Json to_json(const TagSummary& summary) {
  const bool any = summary.count > 0;
  return {{"from", to_rfc3339(summary.from)},
          {"to", to_rfc3339(summary.to)},
          {"count", summary.count},
          {"bad", summary.bad},
          {"mean", any ? Json(summary.mean) : Json(nullptr)},
          {"min", any ? Json(summary.min) : Json(nullptr)},
          {"max", any ? Json(summary.max) : Json(nullptr)},
          {"deviation", any ? Json(summary.deviation) : Json(nullptr)},
          {"above_high_s", summary.above_high_s < 0 ? Json(nullptr) : Json(summary.above_high_s)}};
}

Json to_json(const TagNow& now) {
  Json trend = Json::array();
  for (const TagPoint& point : now.trend) trend.push_back(value_json(point, point.value));
  return {{"tag", now.tag},
          {"unit", now.unit},
          {"max_error", now.bound},
          {"time", now.newest ? Json(to_rfc3339(now.newest->time)) : Json(nullptr)},
          {"value", now.newest ? value_json(*now.newest, now.newest->value) : Json(nullptr)},
          {"quality", now.newest ? Json(quality_text(now.newest->quality)) : Json(nullptr)},
          {"trend", std::move(trend)},
          {"summary", now.summary ? to_json(*now.summary) : Json(nullptr)}};
}

}  // namespace

std::string tags_json(const TagList& list) {
  Json tags = Json::array();
  for (const TagNow& now : list.tags) tags.push_back(to_json(now));
  const Json next = list.more && !list.tags.empty() ? Json(list.tags.back().tag) : Json(nullptr);
  return text_of({{"tags", std::move(tags)},
                  {"found", list.found},
                  {"next", next},
                  {"troubles", list.troubles},
                  {"complete", list.complete}});
}

std::string tag_history_json(const std::string& tag, const TagHistory& history, WallTime from, WallTime to) {
  Json points = Json::array(), gaps = Json::array(), summaries = Json::array();
  for (const TagPoint& point : history.points)
    points.push_back({{"time_ms", ms_of(point.time)},
                      {"value", value_json(point, point.value)},
                      {"min", value_json(point, point.min)},
                      {"max", value_json(point, point.max)},
                      {"quality", quality_text(point.quality)}});
  for (const TagGap& gap : history.gaps)
    gaps.push_back({{"from", to_rfc3339(gap.from)}, {"to", to_rfc3339(gap.to)}, {"why", gap.why}});
  for (const TagSummary& summary : history.summaries) summaries.push_back(to_json(summary));
  return text_of({{"tag", tag},
                  {"unit", history.unit},
                  {"max_error", history.bound},
                  {"from", to_rfc3339(from)},
                  {"to", to_rfc3339(to)},
                  {"reduced", history.reduced},
                  {"complete", history.complete},
                  {"points", std::move(points)},
                  {"gaps", std::move(gaps)},
                  {"summaries", std::move(summaries)}});
}

}  // namespace lineside::hub
