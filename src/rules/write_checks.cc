#include "rules/write_checks.h"

#include <algorithm>
#include <format>

#include "config/grants.h"

namespace lineside::rules {
namespace {

const Surroundings::Grant* grant_of(std::size_t tag, const Surroundings& around) {
  const auto found = std::ranges::find(around.grants, tag, &Surroundings::Grant::tag);
  return found == around.grants.end() ? nullptr : &*found;
}

class WriteChecker {
 public:
  WriteChecker(const ActionSettings& action, const Surroundings& around, const Problem& problem)
      : action_(action), around_(around), problem_(problem) {}

  std::optional<double> quantity(const char* key, const std::string& text) {
    std::vector<Mistake> mistakes;
    const auto& unit = around_.tags.all()[tag_].unit;
    const auto value =
        parse_quantity(text, unit && !around_.tags.is_any() ? std::optional(unit_of(*unit)) : std::nullopt, mistakes);
    for (const Mistake& mistake : mistakes)
      problem_(key, std::format("column {}: {}", mistake.column, mistake.message));
    return value;
  }

  // Where the rule says nothing the other checks still go on.
  WriteAction look(const Rule& rule) {
    const auto tag = around_.tags.find(action_.tag);
    if (!tag) problem_(".tag", std::format("there is no tag '{}'", action_.tag));
    if (action_.value.empty()) problem_(".value", "is missing; say what is written");
    if (action_.min.empty() || action_.max.empty())
      problem_(action_.min.empty() ? ".min" : ".max", "is missing; a rule that writes names its limits");
    if (action_.interlocks.empty()) problem_(".interlocks", "is missing; a rule that writes names its interlocks");
    if (action_.ttl.count() == 0)
      problem_(".ttl_ms", "is missing; say for how long it may still be done");
    else if (action_.ttl < kWriteTtlMin)
      problem_(".ttl_ms", std::format("{} is below {} ms: rules are judged some times a second", action_.ttl.count(),
                                      kWriteTtlMin.count()));
    if (action_.back_to.empty() != (action_.back_after.count() == 0))
      problem_(action_.back_to.empty() ? ".back_to" : ".back_after_ms",
               "is missing; back_to and back_after_ms go together");
    WriteAction write{.interlock_texts = action_.interlocks,
                      .ttl = action_.ttl,
                      .at = action_.at,
                      .back_to = {},
                      .back_after = action_.back_after};
    if (!tag) return write;
    write.tag = tag_ = *tag;
    values(write);
    if (!around_.only_tags && !around_.tags.is_any()) granted(write, rule);
    return write;
  }

 private:
  void values(WriteAction& write) {
    if (!action_.min.empty()) min_ = quantity(".min", action_.min);
    if (!action_.max.empty()) max_ = quantity(".max", action_.max);
    if (min_ && max_ && *min_ > *max_) return problem_(".max", "is below min");
    if (!action_.value.empty())
      if (const auto value = quantity(".value", action_.value)) write.value = within(".value", *value);
    if (!action_.back_to.empty())
      if (const auto back = quantity(".back_to", action_.back_to)) write.back_to = within(".back_to", *back);
  }

  double within(const char* key, double value) {
    if (min_ && max_ && (value < *min_ || value > *max_))
      problem_(key, std::format("{} is outside of {} to {}", value, *min_, *max_));
    return value;
  }

  // Default is deny.
  void granted(const WriteAction& write, const Rule& rule) {
    const Surroundings::Grant* grant = grant_of(write.tag, around_);
    if (grant == nullptr)
      return problem_(".tag", std::format("nothing in the gateway's settings lets anybody write '{}': it needs a grant",
                                          action_.tag));
    if (!std::ranges::contains(grant->terms.rules, rule.name))
      problem_(".tag", std::format("the grant of '{}' does not name this rule, '{}'", action_.tag, rule.name));
    const auto limit = [&](const char* key, const std::optional<double>& value) {
      if (value && (*value < grant->terms.min || *value > grant->terms.max))
        problem_(key, std::format("{} is outside of the grant of '{}', {} to {}", *value, action_.tag, grant->terms.min,
                                  grant->terms.max));
    };
    limit(".min", min_);
    limit(".max", max_);
    const auto holds = [&](const char* key, double value) {
      if (const auto raw = config::raw_of(grant->where, grant->kind, value); !raw)
        problem_(key, std::format("{} can't be written: {}", value, raw.error().message));
    };
    if (!action_.value.empty()) holds(".value", write.value);
    if (write.back_to) holds(".back_to", *write.back_to);
  }

  const ActionSettings& action_;
  const Surroundings& around_;
  const Problem& problem_;
  std::size_t tag_ = 0;
  std::optional<double> min_, max_;
};

}  // namespace

std::vector<std::size_t> moved_by_write(std::size_t tag, const Surroundings& around) {
  const Surroundings::Grant* grant = grant_of(tag, around);
  return grant == nullptr ? std::vector{tag} : grant->moves;
}

WriteAction check_write(const ActionSettings& action, const Rule& rule, const Surroundings& around,
                        const std::vector<const Rule*>& already, const Problem& problem) {
  WriteAction write = WriteChecker(action, around, problem).look(rule);
  if (around.tags.is_any() || !around.tags.find(action.tag)) return write;
  for (const Rule* other : already)
    if (std::ranges::contains(other->writes, write.tag, &WriteAction::tag))
      problem(".tag", std::format("'{}' is written by rule '{}' already; a tag has one rule that writes it", action.tag,
                                  other->name));
  for (const WriteAction& own : rule.writes)
    if (own.tag == write.tag && own.at == write.at)
      problem(".tag", std::format("'{}' is written twice when the alarm is {}", action.tag,
                                  write.at == AlarmChange::raised ? "raised" : "cleared"));
  return write;
}

}  // namespace lineside::rules
