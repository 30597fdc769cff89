#include "gateway/rules/write_journal.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/time_text.h"

namespace lineside::gateway {
namespace {

using Json = nlohmann::ordered_json;
using Outcome = TagWritten::Outcome;

constexpr std::size_t kTextMax = 1000;  // bytes of a reason

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json of_write(const AskedWrite& write, Clock& clock, const char* kind) {
  return {{"time", to_rfc3339(clock.wall())}, {"kind", kind},
          {"rule", write.what.rule},          {"at", to_string(write.at)},
          {"tag", write.what.tag_name},       {"value", write.what.value},
          {"unit", write.what.unit}};
}

}  // namespace

const char* to_string(WriteAt at) {
  static constexpr const char* kNames[] = {"raised", "cleared", "back"};
  return kNames[static_cast<std::size_t>(at)];
}

const char* to_string(Outcome outcome) {
  static constexpr const char* kNames[] = {"written", "not_sent", "refused", "differs", "unknown"};
  return kNames[static_cast<std::size_t>(outcome)];
}

Result<WriteJournal> WriteJournal::open(const fs::path& data_dir, Clock& clock,
                                        const std::function<void(const std::string&, WallTime)>& asked) {
  WriteJournal journal(clock);
  LINESIDE_ASSIGN(journal.log_, audit::AuditLog::open(audit::folder_in(data_dir),
                                                      [&](const audit::Line& line) { journal.recall(line, asked); }));
  return journal;
}

// The chain has shown that these are lines of our own; one of a later version may say what is not understood here.
void WriteJournal::recall(const audit::Line& line, const std::function<void(const std::string&, WallTime)>& asked) {
  const Json entry = Json::parse(line.entry, nullptr, false);
  if (!entry.is_object()) return;
  const auto text = [&](const char* key) { return entry.contains(key) ? entry.value(key, std::string()) : ""; };
  const std::string kind = text("kind"), rule = text("rule"), tag = text("tag"), at = text("at");
  if (kind == "asked") {
    const auto since = entry.value("alarm_since_ns", std::int64_t{0});
    const int which = at == "back" ? 2 : at == "cleared" ? 1 : 0;
    Unfinished one{line.head.number, rule, tag, entry.value("value", 0.0), {}};
    if (entry.contains("back_to")) one.back_to = entry.value("back_to", 0.0);
    newest_[{rule, tag, which}] = since;
    if (which == 0)
      begun_[rule] = {rule, text("asset"), text("reason"),
                      static_cast<Severity>(std::clamp(entry.value("severity", 2), 0, 4)),
                      WallTime{nanoseconds{since}}};
    back_.erase(tag);
    if (one.back_to) back_[tag] = one;
    open_[line.head.number] = std::move(one);
    if (which != 2) asked(tag, from_iso8601(text("time")).value_or(WallTime{}));
  } else if (kind == "ended") {
    begun_.erase(rule);
  } else if (kind == "left") {
    back_.erase(tag);
  } else if (const auto of = entry.value("of", std::uint64_t{0}); of > 0) {
    open_.erase(of);
    const auto back = back_.find(tag);
    if (back != back_.end() && back->second.of == of && (kind == "not_sent" || kind == "refused")) back_.erase(back);
  }
}

Result<audit::Head> WriteJournal::ask(const AskedWrite& write) {
  Json entry = of_write(write, *clock_, "asked");
  entry["asset"] = write.asset;
  entry["severity"] = static_cast<int>(write.severity);
  entry["alarm_since_ns"] = write.what.alarm_since.time_since_epoch().count();
  entry["reason"] = write.reason.substr(0, kTextMax);
  if (write.at != WriteAt::back && write.what.back_to) {
    entry["back_to"] = *write.what.back_to;
    entry["back_after_ms"] = write.what.back_after / std::chrono::milliseconds{1};
  }
  LINESIDE_ASSIGN(audit::Head head, log_->append(dumped(entry)));
  const std::int64_t since = write.what.alarm_since.time_since_epoch().count();
  newest_[{write.what.rule, write.what.tag_name, static_cast<int>(write.at)}] = since;
  if (write.at == WriteAt::raised)
    begun_[write.what.rule] = {write.what.rule, write.asset, write.reason, write.severity, write.what.alarm_since};
  return head;
}

Result<audit::Head> WriteJournal::answer(std::uint64_t of, const AskedWrite& write, const TagWritten& written) {
  Json entry = of_write(write, *clock_, to_string(written.outcome));
  entry["of"] = of;
  if (written.before) entry["before"] = *written.before;
  if (written.after) entry["after"] = *written.after;
  if (!written.why.empty()) entry["why"] = written.why.substr(0, kTextMax);
  return log_->append(dumped(entry));
}

Result<audit::Head> WriteJournal::refuse(const AskedWrite& write, std::string_view why) {
  Json entry = of_write(write, *clock_, "refused");
  entry["why"] = why.substr(0, kTextMax);
  return log_->append(dumped(entry));
}

Result<void> WriteJournal::end(const std::string& rule) {
  if (!begun_.contains(rule)) return {};
  LINESIDE_TRY(log_->append(dumped({{"time", to_rfc3339(clock_->wall())}, {"kind", "ended"}, {"rule", rule}})));
  begun_.erase(rule);
  return {};
}

bool WriteJournal::knows(const AskedWrite& write) const {
  const auto known = newest_.find({write.what.rule, write.what.tag_name, static_cast<int>(write.at)});
  return known != newest_.end() && known->second == write.what.alarm_since.time_since_epoch().count();
}

std::vector<WriteJournal::Begun> WriteJournal::begun() const {
  std::vector<Begun> all;
  for (const auto& [rule, one] : begun_) all.push_back(one);
  return all;
}

std::vector<WriteJournal::Unfinished> WriteJournal::take_without_outcome() {
  std::vector<Unfinished> all;
  for (auto& [number, one] : std::exchange(open_, {})) {
    AskedWrite write{.what = {.rule = one.rule, .tag_name = one.tag, .value = one.value}};
    static_cast<void>(answer(number, write, {.outcome = Outcome::unknown, .why = "the gateway ended meanwhile"}));
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<WriteJournal::Unfinished> WriteJournal::take_left() {
  std::vector<Unfinished> all;
  for (auto& [tag, one] : std::exchange(back_, {})) {
    static_cast<void>(log_->append(dumped({{"time", to_rfc3339(clock_->wall())},
                                           {"kind", "left"},
                                           {"rule", one.rule},
                                           {"tag", tag},
                                           {"back_to", *one.back_to}})));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace lineside::gateway
