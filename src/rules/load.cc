#include <algorithm>
#include <cmath>
#include <format>
#include <iterator>
#include <set>
#include <tuple>

#include "base/file.h"
#include "config/reader.h"
#include "mqtt/mqtt_client.h"
#include "rules/loops.h"
#include "rules/rule.h"
#include "rules/rule_table.h"
#include "rules/write_checks.h"

namespace lineside::rules {
namespace {

using config::Findings;

constexpr std::size_t kTopicBytesMax = 500;

std::string text_of(const std::vector<Mistake>& mistakes) {
  std::string out;
  for (const Mistake& mistake : mistakes)
    out += std::format("{}column {}: {}", out.empty() ? "" : "; ", mistake.column, mistake.message);
  return out;
}

class Checker {
 public:
  Checker(const Surroundings& surroundings, const std::vector<Rule>& before, Findings& findings)
      : around_(surroundings), before_(before), findings_(findings) {}

  std::vector<Rule> all(const RulesFile& file) {
    if (const std::size_t count = file.rules.size() + before_.size(); count > kRulesMax) {
      findings_.problem("rules", std::format("has {} rules{}; {} are the most", count,
                                             before_.empty() ? "" : " with the files before it", kRulesMax));
      return {};
    }
    if (file.rules.empty() && findings_.has("rules")) findings_.problem("rules", "has no rule");
    std::set<std::string> names;
    for (const Rule& rule : before_) names.insert(rule.name);
    for (std::size_t i = 0; i < file.rules.size(); ++i) {
      const RuleSettings& settings = file.rules[i];
      at_ = std::format("rules[{}].", i);
      if (!names.insert(settings.name).second)
        problem("name", std::format("'{}' is already that of another rule", settings.name));
      rules_.push_back(rule(settings));
    }
    check_loops();
    if (const std::size_t windows = count_windows({&before_, &rules_}); windows > kWindowsMax)
      findings_.problem("rules", std::format("have {} different windows; {} are the most", windows, kWindowsMax));
    return std::move(rules_);
  }

 private:
  void problem(const std::string& key, std::string message) { findings_.problem(at_ + key, std::move(message)); }
  bool settings_known() const { return !around_.only_tags && !around_.tags.is_any(); }
  bool given(const std::string& key) const { return findings_.has(at_ + key); }

  std::optional<Expression> expression(const std::string& key, std::string_view text, Wanted wanted) {
    std::vector<Mistake> mistakes;
    auto parsed = parse(text, around_.tags, wanted, mistakes);
    if (!parsed) problem(key, text_of(mistakes));
    return parsed;
  }

  Rule rule(const RuleSettings& settings) {
    Rule rule{.name = settings.name,
              .asset = settings.asset,
              .when_text = settings.when,
              .off_delay = settings.off_delay,
              .latching = settings.latching,
              .severity = settings.severity,
              .unknown_after = settings.unknown_after,
              .stale_after = settings.stale_after};
    if (auto when = expression("when", settings.when, Wanted::condition_with_delay)) {
      rule.when = std::move(*when);
      if (!settings.hysteresis.empty()) hysteresis(settings, rule);
      if (rule.when.tags.empty()) problem("when", "reads no tag: it would never change");
    }
    rule.on_delay = rule.when.delay.value_or(settings.on_delay);
    if (rule.when.delay && given("on_delay_ms")) problem("on_delay_ms", "contradicts `for` in when: say one of them");
    if (!settings.clear_when.empty()) {
      rule.clear_when = expression("clear_when", settings.clear_when, Wanted::condition);
      if (!settings.hysteresis.empty()) problem("hysteresis", "contradicts clear_when: say one of them");
    }
    rule.message = message("message", settings.message.empty() ? default_message(settings) : settings.message);
    if (settings.message.size() > kMessageBytesMax)
      problem("message", std::format("is {} bytes long; {} are the most", settings.message.size(), kMessageBytesMax));
    if (settings.asset.size() > kAssetBytesMax)
      problem("asset", std::format("is {} bytes long; {} are the most", settings.asset.size(), kAssetBytesMax));
    check_actions(settings, rule);
    check_number_of_tags(rule);
    return rule;
  }

  void hysteresis(const RuleSettings& settings, Rule& rule) {
    if (!rule.when.orders) return problem("hysteresis", "needs a < <= > or >= in `when`");
    if (rule.when.order_in_equality)
      return problem("hysteresis", "has no direction where a < <= > or >= is a side of == or !=; use clear_when");
    if (rule.when.mixed_units)
      return problem("hysteresis", "has nothing to say where `when` compares in several units; use clear_when");
    std::vector<Mistake> mistakes;
    const auto distance = parse_distance(settings.hysteresis, rule.when.compared, mistakes);
    if (!distance) return problem("hysteresis", text_of(mistakes));
    rule.hysteresis = *distance;
  }

  static std::string default_message(const RuleSettings& settings) {
    if (settings.when.size() > kMessageBytesMax) return settings.name;
    std::string text = settings.name + ": ";
    for (const char c : settings.when) text += c == '{' || c == '}' ? std::string(2, c) : std::string(1, c);
    return text;
  }

  // "Level {tank/level} is high": {{ and }} stand for one bracket.
  std::vector<MessagePiece> message(const std::string& key, std::string_view text) {
    std::vector<MessagePiece> pieces(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
        pieces.back().text += text[i++];
      } else if (c == '}') {
        problem(key, std::format("column {}: a bracket closes that none has opened; write }}}} for one", i + 1));
        return {};
      } else if (c == '{') {
        const std::size_t end = text.find('}', i);
        if (end == std::string_view::npos || pieces.size() > kPiecesMax) {
          problem(key, end == std::string_view::npos
                           ? std::format("column {}: this bracket is not closed; write {{{{ for one", i + 1)
                           : std::format("has more than {} values", kPiecesMax));
          return {};
        }
        pieces.back().value = expression(key, text.substr(i + 1, end - i - 1), Wanted::number);
        pieces.emplace_back();
        i = end;
      } else {
        pieces.back().text += c;
      }
    }
    return pieces;
  }

  template <class Take>
  static void for_each_expression(const Rule& rule, Take take) {
    take(rule.when);
    if (rule.clear_when) take(*rule.clear_when);
    const auto all_of = [&](const std::vector<MessagePiece>& pieces) {
      for (const MessagePiece& piece : pieces)
        if (piece.value) take(*piece.value);
    };
    all_of(rule.message);
    for (const PublishAction& publish : rule.publishes) all_of(publish.payload);
    for (const WriteAction& write : rule.writes) std::ranges::for_each(write.interlocks, take);
  }

  void check_number_of_tags(const Rule& rule) {
    std::set<std::size_t> tags;
    for_each_expression(rule, [&](const Expression& one) { tags.insert(one.tags.begin(), one.tags.end()); });
    if (tags.size() > kTagsOfRuleMax)
      problem("when", std::format("and what belongs to it read {} tags; {} are the most", tags.size(), kTagsOfRuleMax));
  }

  void check_actions(const RuleSettings& settings, Rule& rule) {
    if (settings.actions.size() > kActionsMax)
      problem("actions", std::format("has {} actions; {} are the most", settings.actions.size(), kActionsMax));
    for (std::size_t i = 0; i < settings.actions.size(); ++i) {
      check_action(std::format("actions[{}]", i), settings.actions[i], rule);
      std::ranges::copy(moved_by(settings.actions[i]), std::back_inserter(rule.moves));
    }
  }

  void check_action(const std::string& key, const ActionSettings& action, Rule& rule) {
    using Kind = ActionSettings::Kind;
    switch (action.kind) {
      case Kind::alarm:
        return;
      case Kind::write:
        return write(key, action, rule);
      case Kind::publish:
        return publish(key, action, rule);
      case Kind::capture:
        if (settings_known() && !std::ranges::contains(around_.captures, action.of))
          problem(key + ".of", std::format("there is no station or asset '{}'", action.of));
        return problem(key + ".kind",
                       "capture is not supported yet: stations and assets keep what is worth keeping by themselves; "
                       "take the action out");
    }
  }

  void publish(const std::string& key, const ActionSettings& action, Rule& rule) {
    const bool characters = action.topic.find_first_of(std::string_view("+#\0", 3)) == std::string::npos;
    if (action.topic.empty() || action.topic.size() > kTopicBytesMax || action.topic.front() == '$' || !characters)
      problem(
          key + ".topic",
          std::format("must be an MQTT topic of 1 to {} bytes, without + and # and a $ at its begin", kTopicBytesMax));
    if (settings_known() && !std::ranges::contains(around_.brokers, action.broker))
      problem(key + ".broker", std::format("there is no tag source of kind mqtt '{}'", action.broker));
    if (action.payload.size() > kMessageBytesMax)
      problem(key + ".payload",
              std::format("is {} bytes long; {} are the most", action.payload.size(), kMessageBytesMax));
    check_ttl(key, action);
    rule.publishes.push_back({.broker = action.broker,
                              .topic = action.topic,
                              .payload = message(key + ".payload", action.payload),
                              .ttl = action.ttl,
                              .at = action.at});
  }

  void check_ttl(const std::string& key, const ActionSettings& action) {
    if (action.ttl.count() == 0) problem(key + ".ttl_ms", "is missing; say for how long it may still be done");
  }

  void write(const std::string& key, const ActionSettings& action, Rule& rule) {
    const Problem told = [&](const std::string& of, const std::string& message) { problem(key + of, message); };
    WriteAction wanted = check_write(action, rule, around_, so_far(), told);
    for (std::size_t i = 0; i < action.interlocks.size(); ++i)
      if (auto one = expression(std::format("{}.interlocks[{}]", key, i), action.interlocks[i], Wanted::condition))
        wanted.interlocks.push_back(std::move(*one));
    rule.writes.push_back(std::move(wanted));
  }

  // Of the files before, then of this one.
  std::vector<const Rule*> so_far() const {
    std::vector<const Rule*> all;
    for (const Rule& rule : before_) all.push_back(&rule);
    for (const Rule& rule : rules_) all.push_back(&rule);
    return all;
  }

  // The tags that come to be read anew because of an action.
  std::vector<std::size_t> moved_by(const ActionSettings& action) const {
    if (around_.tags.is_any()) return {};
    std::vector<std::size_t> tags;
    if (action.kind == ActionSettings::Kind::write)
      if (const auto tag = around_.tags.find(action.tag)) tags = moved_by_write(*tag, around_);
    if (action.kind == ActionSettings::Kind::publish)
      for (const auto& [tag, filter] : around_.topics)
        if (mqtt::topic_matches(filter, action.topic)) tags.push_back(tag);
    return tags;
  }

  // Those of which a rule of this file is a part; the others were told with their own file.
  void check_loops() {
    const std::vector<const Rule*> all = so_far();
    for (const auto& [rule, last] : find_loops(all))
      if (rule >= before_.size())
        findings_.problem(std::format("rules[{}].actions", rule - before_.size()),
                          last == rule
                              ? "writes or publishes what this rule reads: a loop"
                              : std::format("makes a loop: what it does comes back by rule '{}'", all[last]->name));
  }

  // As TagStore makes them.
  std::size_t count_windows(std::initializer_list<const std::vector<Rule>*> files) const {
    std::set<std::tuple<std::size_t, nanoseconds, nanoseconds>> windows;
    for (const auto* rules : files)
      for (const Rule& rule : *rules)
        for_each_expression(rule, [&](const Expression& expression) {
          for (const WindowSpec& spec : expression.windows)
            windows.emplace(spec.tag, spec.length, rule.stale_after_of(around_.tags.all()[spec.tag]));
        });
    return windows.size();
  }

  const Surroundings& around_;
  const std::vector<Rule>& before_;
  Findings& findings_;
  std::vector<Rule> rules_;
  std::string at_;
};

}  // namespace

Result<std::vector<Rule>> load_rules(const std::filesystem::path& path, const Surroundings& surroundings,
                                     const std::vector<Rule>& before) {
  LINESIDE_ASSIGN(const std::string yaml, read_text(path, kFileBytesMax));
  RulesFile file;
  Findings findings(path, config::NamedFiles::here);
  config::read_yaml(yaml, rules_schema(), &file, findings);
  std::vector<Rule> rules = Checker(surroundings, before, findings).all(file);
  if (!findings.empty())
    return fail(ErrorCode::config_invalid, std::format("{} has {} mistake{}:{}", path.string(), findings.count(),
                                                       findings.count() == 1 ? "" : "s", findings.text()));
  return rules;
}

bool holds_rules(const std::filesystem::path& path) {
  const auto yaml = read_text(path, kFileBytesMax);
  if (!yaml) return false;
  const auto keys = config::top_keys(*yaml);
  return std::ranges::contains(keys, "rules") && !std::ranges::contains(keys, "gateway");
}

}  // namespace lineside::rules
