#include "gateway/condition/evidence.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <set>

namespace lineside::gateway {
namespace {

double times(const condition::WindowScore& score) { return score.threshold > 0 ? score.score / score.threshold : 0; }

std::string channels_of(const condition::Explanation& explanation) {
  std::string text;
  std::set<std::string> named;
  for (const auto& one : explanation.contributions)
    if (named.insert(one.channel).second) text += (text.empty() ? "" : ", ") + one.channel;
  return text;
}

std::string trend_text(const Trend::Line& line) {
  const bool known = std::abs(line.per_hour) > 2 * line.deviation;
  return std::format("{} ({:+.2f} +- {:.2f} thresholds an hour over {:.1f} h)",
                     !known              ? "steady"
                     : line.per_hour > 0 ? "rising"
                                         : "falling",
                     line.per_hour, 2 * line.deviation, line.hours);
}

}  // namespace

std::string anomaly_message(const EvidenceInput& input, bool worse) {
  const auto& explanation = input.score.explanation;
  std::string text = std::format("{} is {} from normal: {:.1f} times the threshold", input.settings.name,
                                 worse ? "further" : "far", times(input.score));
  if (!explanation.contributions.empty())
    text += std::format(", most in {} {}", explanation.contributions.front().channel,
                        explanation.contributions.front().feature);
  text += '.';
  if (explanation.pattern != condition::Pattern::none)
    text += std::format(" Nearest known pattern: {} ({:.0f} %).", condition::to_string(explanation.pattern),
                        100 * explanation.confidence);
  return text;
}

std::map<std::string, std::string> anomaly_evidence(const EvidenceInput& input) {
  const auto& explanation = input.score.explanation;
  std::map<std::string, std::string> evidence{
      {"score", std::format("{:.4g}", input.score.score)},
      {"threshold", std::format("{:.4g}", input.score.threshold)},
      {"times_threshold", std::format("{:.2f}", times(input.score))},
      {"state", input.score.state},
      {"windows", std::format("{} of the last {} are anomalies", input.alarm.anomalies(), input.settings.anomalies_of)},
      {"since_s", std::format("{}", std::chrono::floor<std::chrono::seconds>(input.now - input.alarm.since()).count())},
      {"window_start", to_rfc3339(input.start)},
      {"model", input.model},
      {"contributors", input.score.contributors},
      {"channels", channels_of(explanation)}};
  int number = 0;
  for (const auto& one : explanation.contributions)
    evidence[std::format("feature{}", ++number)] =
        std::format("{} {} {:+.1f} spreads of normal", one.channel, one.feature, one.deviation);
  if (explanation.pattern != condition::Pattern::none) {
    evidence["pattern"] = condition::to_string(explanation.pattern);
    evidence["pattern_share"] = std::format("{:.2f}", explanation.confidence);
    number = 0;
    for (const std::string& sign : explanation.evidence) evidence[std::format("sign{}", ++number)] = sign;
  }
  if (explanation.iso_zone != '-') {
    evidence["velocity_mm_s"] = std::format("{:.2f}", explanation.velocity_mm_s);
    evidence["iso_zone"] = std::string(1, explanation.iso_zone);
  }
  if (input.ratio) evidence["trend"] = trend_text(*input.ratio);
  if (input.velocity)
    evidence["velocity_trend"] =
        std::format("{:+.3f} +- {:.3f} mm/s an hour", input.velocity->per_hour, 2 * input.velocity->deviation);
  return evidence;
}

}  // namespace lineside::gateway
