#include "rules/alarm_file.h"

#include <algorithm>
#include <format>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace lineside::rules {
namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned kFileMode = 0640;

bool is_rule_name(std::string_view text) {
  return !text.empty() && text.size() <= 100 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_person(std::string_view text) {
  return !text.empty() && text.size() <= kNameOfPersonBytesMax &&
         std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7F; });
}

fs::path file_of(const fs::path& folder) { return folder / "alarms.json"; }
fs::path acknowledge_in(const fs::path& folder) { return folder / "acknowledge"; }

Json json_of(const RuleStatus& alarm) {
  return {{"rule", alarm.rule},
          {"asset", alarm.asset},
          {"severity", static_cast<int>(alarm.severity)},
          {"state", to_string(alarm.state)},
          {"told_unknown", alarm.told_unknown},
          {"acknowledged", alarm.acknowledged},
          {"since_ns", alarm.since.time_since_epoch().count()},
          {"message", alarm.message}};
}

AlarmState state_of(std::string_view text) {
  for (const AlarmState state : {AlarmState::active, AlarmState::latched})
    if (text == to_string(state)) return state;
  return AlarmState::normal;
}

RuleStatus status_of(const Json& json) {
  const int severity = json.at("severity").get<int>();
  return {.rule = json.at("rule"),
          .asset = json.at("asset"),
          .severity = static_cast<Severity>(std::clamp(severity, 0, static_cast<int>(Severity::critical))),
          .state = state_of(json.at("state").get<std::string>()),
          .acknowledged = json.at("acknowledged"),
          .told_unknown = json.at("told_unknown"),
          .since = WallTime{nanoseconds{json.at("since_ns").get<std::int64_t>()}},
          .message = json.at("message")};
}

}  // namespace

fs::path alarm_folder(const fs::path& data_dir) { return data_dir / "rules"; }

Result<void> make_alarm_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(acknowledge_in(folder), error);
  for (const fs::path& one : {folder, acknowledge_in(folder)})
    if (!error) fs::permissions(one, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec, error);
  if (error)
    return fail(ErrorCode::file_io, std::format("can't make the folder {}: {}", folder.string(), error.message()));
  return {};
}

Result<std::vector<RuleStatus>> read_alarms(const fs::path& folder) {
  auto text = read_text(file_of(folder), 2 * kRulesMax * (kMessageBytesMax + kAssetBytesMax));
  if (!text && text.error().code == ErrorCode::file_not_found) return {};
  if (!text) return std::unexpected(std::move(text).error());
  try {
    std::vector<RuleStatus> alarms;
    const Json all = Json::parse(*text);
    for (const Json& one : all.at("alarms")) alarms.push_back(status_of(one));
    return alarms;
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::file_format, std::format("{} is damaged: {}", file_of(folder).string(), error.what()));
  }
}

Result<void> write_alarms(const fs::path& folder, std::span<const RuleStatus> alarms) {
  Json list = Json::array();
  for (const RuleStatus& alarm : alarms)
    if (alarm.state != AlarmState::normal || alarm.told_unknown) list.push_back(json_of(alarm));
  const std::string text = Json{{"alarms", list}}.dump(1, ' ', false, Json::error_handler_t::replace);
  return write_atomically(file_of(folder), text + "\n", kFileMode);
}

Result<void> leave_acknowledgement(const fs::path& folder, const Acknowledgement& of) {
  if (!is_rule_name(of.rule)) return fail(ErrorCode::usage, std::format("'{}' is no name of a rule", of.rule));
  if (!is_person(of.by))
    return fail(ErrorCode::usage, std::format("say who acknowledges, in 1 to {} bytes", kNameOfPersonBytesMax));
  return write_atomically(acknowledge_in(folder) / of.rule, of.by);  // readable for a gateway of another user
}

std::vector<Acknowledgement> take_acknowledgements(const fs::path& folder) {
  std::vector<Acknowledgement> taken;
  std::error_code error;
  for (fs::directory_iterator entry(acknowledge_in(folder), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!is_rule_name(name)) continue;  // also a file that is being written
    if (taken.size() == kRulesMax) break;
    std::error_code ignored;
    const bool file = fs::symlink_status(entry->path(), ignored).type() == fs::file_type::regular;
    const auto by = file ? read_text(entry->path(), kNameOfPersonBytesMax) : Result<std::string>("");
    fs::remove(entry->path(), ignored);
    if (by && is_person(*by)) taken.push_back({name, *by});
  }
  return taken;
}

}  // namespace lineside::rules
