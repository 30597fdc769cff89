#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <format>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "audit/audit_log.h"
#include "base/file.h"
#include "config/load.h"
#include "rules/alarm_file.h"
#include "rules/engine.h"
#include "rules/surroundings.h"
#include "toolbox/commands.h"
#include "toolbox/recording.h"

namespace lineside::toolbox {
namespace {

using nlohmann::ordered_json;
using rules::RuleEvent;

struct RulesCommand {
  fs::path rules, data, config;
  std::string rule, by, expect;
  std::string time_column;
  double period_s = 0;
  bool json = false, fail_on_alarm = false;
};

std::string written(WallTime time) {
  return std::format("{:%F %T}", std::chrono::floor<std::chrono::milliseconds>(time));
}

std::string dumped(const ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Prints events as they come, and counts them.
class Reporter final : public rules::RuleSink {
 public:
  struct OfRule {
    std::uint64_t raised = 0, cleared = 0, unknown = 0;
    std::optional<WallTime> raised_at;
    double active_s = 0;
  };

  explicit Reporter(bool json) : json_(json) {}

  void on_rule(const RuleEvent& event) override {
    OfRule& rule = rules_[event.rule];
    rule.unknown += event.kind == RuleEvent::Kind::unknown;
    if (event.kind == RuleEvent::Kind::raised) {
      ++rule.raised;
      rule.raised_at = event.time;
    } else if (event.kind == RuleEvent::Kind::cleared) {
      ++rule.cleared;
      end(rule, event.time);
    }
    std::fputs((json_ ? as_json(event) : as_text(event)).c_str(), stdout);
  }

  void end(OfRule& rule, WallTime time) {
    if (rule.raised_at) rule.active_s += std::chrono::duration<double>(time - *rule.raised_at).count();
    rule.raised_at.reset();
  }
  OfRule& of(const std::string& rule) { return rules_[rule]; }

 private:
  static std::string as_text(const RuleEvent& event) {
    std::string values;
    for (const rules::RuleValue& value : event.values)
      values += std::format("{}{} {}", values.empty() ? "" : ", ", value.name, to_string(value));
    std::string text = std::format("{}  {:<7}  {}  {} ({})\n", written(event.time), to_string(event.kind), event.rule,
                                   event.message, values);
    for (const rules::RuleWrite& write : event.writes) {
      text += std::format("{}  {}  {}  {} = {:.6g}{}{}", written(event.time),
                          write.hindered.empty() ? "would write" : "would not write", event.rule, write.tag_name,
                          write.value, write.unit.empty() ? "" : " ", write.unit);
      if (!write.hindered.empty()) text += ": " + write.hindered;
      if (write.hindered.empty() && write.back_to)
        text += std::format(", and {:.6g} after {}", *write.back_to, std::chrono::duration<double>(write.back_after));
      text += '\n';
    }
    return text;
  }

  static ordered_json writes_of(const RuleEvent& event) {
    ordered_json writes = ordered_json::array();
    for (const rules::RuleWrite& write : event.writes) {
      writes.push_back({{"tag", write.tag_name}, {"value", write.value}, {"unit", write.unit}});
      if (write.back_to) writes.back()["back_to"] = *write.back_to;
      if (!write.hindered.empty()) writes.back()["not_because"] = write.hindered;
    }
    return writes;
  }

  static std::string as_json(const RuleEvent& event) {
    ordered_json values = ordered_json::object();
    for (const rules::RuleValue& value : event.values)
      values[value.name] = std::isfinite(value.value) ? ordered_json(value.value) : ordered_json();
    ordered_json line{{"time", to_rfc3339(event.time)},        {"event", to_string(event.kind)}, {"rule", event.rule},
                      {"severity", to_string(event.severity)}, {"message", event.message},       {"values", values}};
    if (!event.writes.empty()) line["would_write"] = writes_of(event);
    return dumped(line) + "\n";
  }

  bool json_;
  std::map<std::string, OfRule> rules_;
};

// Rows of a table as samples: each row its own time.
class Rows {
 public:
  Rows(const telemetry::Table& table, RowTimes times, const std::map<std::string, std::size_t>& columns)
      : table_(table), times_(std::move(times)) {
    for (std::size_t column = 0; column < table.columns(); ++column) {
      const auto tag = columns.find(table.names()[column]);
      if (tag != columns.end() && column != times_.column()) tags_.emplace_back(column, tag->second);
    }
  }

  // False: the row has no time.
  bool next(std::size_t row) {
    samples_.clear();
    const auto time = times_.next(table_, row);
    if (!time) return false;
    time_ = *time;
    for (const auto& [column, tag] : tags_) {
      const std::string_view cell = table_.cell(row, column);
      if (cell.find_first_not_of(' ') == std::string_view::npos) continue;  // not read this time
      auto value = telemetry::read_number(cell, table_.style().decimal_comma);
      if (!value && is(cell, "true")) value = 1;
      if (!value && is(cell, "false")) value = 0;
      Sample& sample = samples_.emplace_back(Sample{.tag = tag, .source_time = time_, .received = time_});
      if (value) sample.value = *value, sample.quality = Quality::good;
    }
    return true;
  }
  WallTime time() const { return time_; }
  std::span<const Sample> samples() const { return samples_; }
  std::size_t columns() const { return tags_.size(); }

 private:
  static bool is(std::string_view cell, std::string_view word) {
    return std::ranges::equal(cell, word, {},
                              [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  const telemetry::Table& table_;
  RowTimes times_;
  std::vector<std::pair<std::size_t, std::size_t>> tags_;
  WallTime time_{};
  std::vector<Sample> samples_;
};

struct Replayed {
  std::size_t rows = 0, rows_without_time = 0;
  std::optional<WallTime> first, last;
  double seconds = 0;  // that it took
};

Replayed replay(const telemetry::Table& table, Rows& rows, rules::RuleEngine& engine) {
  Replayed done;
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (table.width(row) == 0) continue;
    ++done.rows;
    if (!rows.next(row)) {
      ++done.rows_without_time;
      continue;
    }
    if (!done.first) done.first = rows.time();
    done.last = rows.time();
    engine.advance(rows.time());
    engine.on_samples(rows.samples());
  }
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return done;
}

void summarize(const Replayed& done, const rules::RuleEngine& engine, Reporter& reporter, bool json) {
  ordered_json rules = ordered_json::array();
  std::string text;
  for (const rules::RuleStatus& status : engine.status()) {
    Reporter::OfRule& rule = reporter.of(status.rule);
    if (done.last) reporter.end(rule, *done.last);
    rules.push_back({{"rule", status.rule},
                     {"raised", rule.raised},
                     {"cleared", rule.cleared},
                     {"unknown", rule.unknown},
                     {"active_s", rule.active_s},
                     {"state", to_string(status.state)},
                     {"known", status.known}});
    text += std::format("  {}: raised {}, cleared {}, unknown {}, active for {:.6g} s, at the end {}{}\n", status.rule,
                        rule.raised, rule.cleared, rule.unknown, rule.active_s, to_string(status.state),
                        status.known ? "" : " (unknown)");
  }
  const rules::RuleCounters& counters = engine.counters();
  if (json) {
    const ordered_json summary{{"rows", done.rows},           {"rows_without_time", done.rows_without_time},
                               {"samples", counters.samples}, {"evaluations", counters.evaluations},
                               {"late", counters.late},       {"clock_set_back", counters.clock_set},
                               {"seconds", done.seconds},     {"rules", rules}};
    std::fputs((dumped({{"summary", summary}}) + "\n").c_str(), stdout);
    return;
  }
  std::fputs(
      std::format(
          "{} rows{}, {} readings{}{}\n", done.rows,
          done.first ? std::format(" from {} to {}", written(*done.first), written(*done.last)) : "", counters.samples,
          done.rows_without_time > 0 ? std::format(", {} rows without a time left out", done.rows_without_time) : "",
          counters.clock_set > 0 ? std::format(", times go back at {} places", counters.clock_set) : "")
          .c_str(),
      stdout);
  std::fputs(text.c_str(), stdout);
}

// What a recording's rules may name, and the tag of each column.
struct Known {
  rules::Surroundings around;
  std::map<std::string, std::size_t> columns;
};

Result<Known> known(const RulesCommand& command, const telemetry::Table& table) {
  Known found{{rules::TagList({})}, {}};
  if (!command.config.empty()) {
    LINESIDE_ASSIGN(const auto settings, config::load_gateway_settings(command.config));
    found.around = rules::surroundings_of(settings);
    const auto& tags = settings.telemetry.tags;
    for (std::size_t i = 0; i < tags.size(); ++i)
      found.columns.emplace(tags[i].file.column.empty() ? tags[i].name : tags[i].file.column, i);
    return found;
  }
  found.around.only_tags = true;
  std::vector<rules::TagInfo> tags;
  for (std::size_t i = 0; i < table.names().size(); ++i) {
    found.columns.emplace(table.names()[i], i);
    tags.push_back({.name = table.names()[i], .unit = std::nullopt});
  }
  found.around.tags = rules::TagList(std::move(tags));
  return found;
}

Result<int> test(const RulesCommand& command) {
  LINESIDE_ASSIGN(const telemetry::Table table, read_table(command.data));
  LINESIDE_ASSIGN(const Known known_tags, known(command, table));
  const auto& [around, columns] = known_tags;
  LINESIDE_ASSIGN(auto loaded, rules::load_rules(command.rules, around));
  const nanoseconds period{static_cast<std::int64_t>(command.period_s * 1e9)};
  LINESIDE_ASSIGN(const RowTimes times, RowTimes::find(table, command.time_column, period));
  Rows rows(table, times, columns);
  if (rows.columns() == 0)
    return fail(ErrorCode::usage,
                std::format("no column of {} is a tag of {}", command.data.string(), command.config.string()));
  Reporter reporter(command.json);
  LINESIDE_ASSIGN(auto engine, rules::RuleEngine::create(std::move(loaded), around.tags, reporter));
  const Replayed done = replay(table, rows, engine);
  summarize(done, engine, reporter, command.json);
  return command.fail_on_alarm && engine.counters().raised > 0 ? 1 : 0;
}

Result<int> check(const RulesCommand& command) {
  LINESIDE_ASSIGN(const auto settings, config::load_gateway_settings(command.config));
  const rules::Surroundings around = rules::surroundings_of(settings);
  LINESIDE_ASSIGN(const auto loaded, rules::load_rules(command.rules, around));
  std::fputs(std::format("{}: {} rules over the tags of {}, no mistakes\n", command.rules.string(), loaded.size(),
                         command.config.string())
                 .c_str(),
             stdout);
  for (const rules::Rule& rule : loaded)
    for (const rules::WriteAction& write : rule.writes) {
      const auto& tag = settings.telemetry.tags[write.tag];
      const auto grant = std::ranges::find(settings.grants, tag.name, &config::GrantSettings::tag);
      std::fputs(std::format("  {} may write {}{}{} into {} until {}\n", rule.name, write.value,
                             tag.unit.empty() ? "" : " ", tag.unit, tag.name, grant->expires)
                     .c_str(),
                 stdout);
    }
  return 0;
}

// The audit log of what was written to the plant: all lines, checked.
Result<int> verify_audit(const RulesCommand& command) {
  LINESIDE_ASSIGN(const auto settings, config::load_gateway_settings(command.config));
  const fs::path folder = audit::folder_in(settings.data_dir);
  const auto each = [&](const audit::Line& line) {
    if (command.json) std::fputs(std::format("{}\n", line.entry).c_str(), stdout);
  };
  LINESIDE_ASSIGN(const std::string said, audit::report(folder, command.expect, each));
  std::fputs((said + "\n").c_str(), command.json ? stderr : stdout);
  return 0;
}

Result<int> acknowledge(const RulesCommand& command) {
  LINESIDE_ASSIGN(const auto settings, config::load_gateway_settings(command.config));
  LINESIDE_ASSIGN(const auto loaded, rules::rules_of(settings, rules::surroundings_of(settings)));
  if (!std::ranges::contains(loaded, command.rule, &rules::Rule::name))
    return fail(ErrorCode::not_found,
                std::format("there is no rule '{}' in the settings {}", command.rule, command.config.string()));
  LINESIDE_TRY(rules::leave_acknowledgement(rules::alarm_folder(settings.data_dir), {command.rule, command.by}));
  std::fputs("The gateway takes it up within a second, if it runs, or when it starts.\n", stdout);
  return 0;
}

cli::Command acknowledge_command(const std::shared_ptr<RulesCommand>& options) {
  cli::Command command{.name = "acknowledge", .summary = "acknowledges the alarm of a rule, on the gateway's machine"};
  command.details =
      "A latched alarm whose cause is gone clears; one that is still active will not latch. Whoever may write into the "
      "gateway's data folder may do this; the event says who it was.";
  command.options = {cli::argument("RULE", "the rule's name", options->rule),
                     cli::required("--config", "FILE", "the gateway's settings", options->config),
                     cli::required("--by", "NAME", "who acknowledges", options->by)};
  command.examples = {{"lineside rules acknowledge supply-not-cold --config gateway.yaml --by anna", "seen and done"}};
  command.run = [options] { return acknowledge(*options); };
  return command;
}

cli::Command audit_command(const std::shared_ptr<RulesCommand>& options) {
  cli::Command command{.name = "audit", .summary = "verifies the audit log of what rules have written to the plant"};
  command.details =
      "Each line of the log has the hash of all before it: one that was changed, left out or put in is found, with its "
      "file and line. That the newest were cut off shows against any event of a write that the hub has: its evidence "
      "`audit` is for --expect. Works while the gateway runs, and without it.";
  command.options = {cli::required("--config", "FILE", "the gateway's settings", options->config),
                     cli::option("--expect", "LINE", "a line that must be there, as NUMBER:HASH", options->expect),
                     cli::flag("--json", "print every entry as a line of JSON", options->json)};
  command.examples = {{"lineside rules audit --config gateway.yaml --json", "who wrote what, when and why"}};
  command.run = [options] { return verify_audit(*options); };
  return command;
}

}  // namespace

cli::Command rules_commands() {
  const auto options = std::make_shared<RulesCommand>();
  cli::Command tested{.name = "test", .summary = "replays a recording and prints what rules would have told"};
  tested.details =
      "Reads CSV (',', ';' or tabs; also .gz), one column for each tag. Every event is printed with its time (as the "
      "recording writes it), rule, message and values, then a summary for each rule. Empty cells are no readings; "
      "texts like 'Bad' are bad ones; true and false are 1 and 0. What a rule would write, or what would keep it from "
      "that, "
      "is printed below its event; nothing is ever written. Without --config every column is a tag without a "
      "unit that never gets stale. --json prints one object for each event and a last one with the summary.\n\n"
      "Exits with 0 whatever the rules told; with --fail-on-alarm with 1 if one raised an alarm.";
  tested.options = {
      cli::argument("RULES", "the rules (YAML)", options->rules),
      cli::required("--data", "FILE", "the recording (CSV, also gzipped)", options->data),
      cli::option("--config", "FILE", "a gateway's settings: its tags with their units", options->config),
      cli::option("--time-column", "NAME", "the column of times; without it found by itself", options->time_column),
      cli::option("--period", "S", "seconds from row to row where no column has times", options->period_s),
      cli::flag("--fail-on-alarm", "exit with 1 if an alarm was raised", options->fail_on_alarm),
      cli::flag("--json", "JSON lines instead of text", options->json)};
  tested.options[0].value_name = "FILE";
  tested.options[4].max = 1e6;
  tested.examples = {{"lineside rules test rules.yaml --data recorded.csv", "what would have fired"},
                     {"lineside rules test rules.yaml --data good.csv --fail-on-alarm", "a normal day must be quiet"}};
  tested.run = [options] { return test(*options); };

  cli::Command checked{.name = "check", .summary = "checks rules against the tags of a gateway"};
  checked.details =
      "Lists every mistake with file, line, key and column: unknown tags, units that don't fit, syntax, writes that "
      "nothing grants; and what the rules may write. Nothing is written.";
  checked.options = {cli::argument("RULES", "the rules (YAML)", options->rules),
                     cli::required("--config", "FILE", "the gateway's settings", options->config)};
  checked.options[0].value_name = "FILE";
  checked.examples = {{"lineside rules check rules.yaml --config gateway.yaml", "says what is wrong with them"}};
  checked.run = [options] { return check(*options); };

  cli::Command group{.name = "rules",
                     .summary = "tries out rules, acknowledges their alarms, verifies what they wrote"};
  group.commands = {std::move(checked), std::move(tested), acknowledge_command(options), audit_command(options)};
  return group;
}

}  // namespace lineside::toolbox
