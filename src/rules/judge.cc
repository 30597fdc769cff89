#include "rules/judge.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <set>

namespace lineside::rules {
namespace {

void earlier(std::optional<WallTime>& due, std::optional<WallTime> other) {
  if (other && (!due || *other < *due)) due = other;
}

nanoseconds longest_window(const Rule& rule) {
  nanoseconds longest{0};
  const auto look = [&](const Expression& expression) {
    for (const WindowSpec& spec : expression.windows) longest = std::max(longest, spec.length);
  };
  look(rule.when);
  if (rule.clear_when) look(*rule.clear_when);
  return longest;
}

std::string with_unit(double value, std::string_view unit) {
  if (!std::isfinite(value)) return "not known";
  return unit.empty() ? std::format("{:.6g}", value) : std::format("{:.6g} {}", value, unit);
}

}  // namespace

std::string to_string(const RuleValue& value) {
  return value.quality == Quality::good        ? with_unit(value.value, value.unit)
         : value.quality == Quality::uncertain ? "uncertain"
                                               : "no good reading";
}

Judge::Judge(Rule rule)
    : rule_(std::move(rule)),
      alarm_({.on_delay = rule_.on_delay,
              .off_delay = rule_.off_delay,
              .unknown_after = rule_.unknown_after,
              .warm_up = longest_window(rule_),
              .latching = rule_.latching}) {}

Result<Judge> Judge::create(Rule rule, std::uint32_t number, TagStore& store) {
  Judge judge(std::move(rule));
  LINESIDE_TRY(judge.prepare(number, store));
  return judge;
}

nanoseconds Judge::stale_after(const TagInfo& tag) const {
  return rule_.stale_after.count() > 0 ? rule_.stale_after : tag.max_silence;
}

Result<void> Judge::prepare(std::uint32_t number, TagStore& store) {
  LINESIDE_ASSIGN(when_, formula(rule_.when, store));
  std::set<std::size_t> tags(rule_.when.tags.begin(), rule_.when.tags.end());
  if (rule_.clear_when) {
    LINESIDE_ASSIGN(end_, formula(*rule_.clear_when, store));
    tags.insert(rule_.clear_when->tags.begin(), rule_.clear_when->tags.end());
  } else if (rule_.hysteresis > 0) {
    LINESIDE_ASSIGN(end_, formula(rule_.when, store, rule_.hysteresis));
  }
  for (const std::size_t tag : tags) {
    const std::uint32_t at = store.slot_of(tag);
    TagStore::Slot& slot = store.slot(at);
    const nanoseconds stale = stale_after(*slot.tag);
    reads_.push_back({at, stale});
    slot.rules.push_back(number);
    if (std::ranges::contains(windows_, at, &WindowUse::slot)) slot.rules_by_window.push_back(number);
    if (stale.count() > 0 && (slot.stale_first.count() == 0 || stale < slot.stale_first)) slot.stale_first = stale;
  }
  for (const MessagePiece& piece : rule_.message) {
    pieces_.emplace_back();
    if (!piece.value) continue;
    LINESIDE_ASSIGN(pieces_.back(), formula(*piece.value, store));
    tags.insert(piece.value->tags.begin(), piece.value->tags.end());
  }
  for (const std::size_t tag : tags) shown_.push_back(store.slot_of(tag));
  return {};
}

double* Judge::window_place(const WindowSpec& spec, TagStore& store) {
  const std::uint32_t slot = store.slot_of(spec.tag);
  const std::uint32_t window = store.window_of(spec.tag, spec.length, stale_after(*store.slot(slot).tag));
  for (const WindowUse& use : windows_)
    if (use.window == window && use.kind == spec.kind) return use.value.get();
  windows_.push_back({slot, window, spec.kind, std::make_unique<double>(std::nan(""))});
  return windows_.back().value.get();
}

Result<Formula> Judge::formula(const Expression& expression, TagStore& store, double margin) {
  return Formula::create(
      expression,
      [&](const Node& node) {
        return node.op == Op::tag ? &store.slot(store.slot_of(node.place)).value
                                  : window_place(expression.windows[node.place], store);
      },
      margin);
}

void Judge::fill_windows(TagStore& store, WallTime now, std::optional<WallTime>& due) {
  for (const WindowUse& use : windows_) {
    Window& window = store.window(use.window);
    *use.value = window.value(use.kind, now);
    earlier(due, window.next_change(now));
  }
}

std::optional<bool> Judge::leave(TagStore& store, WallTime now, std::optional<WallTime>& due) {
  std::optional<WallTime> stale;
  for (const auto& [at, stale_after] : reads_) {
    const TagStore::Slot& slot = store.slot(at);
    if (!slot.read || slot.quality != Quality::good) return std::nullopt;
    if (stale_after.count() == 0) continue;
    if (now - slot.time >= stale_after) return std::nullopt;
    earlier(stale, slot.time + stale_after);
  }
  earlier(due, stale);
  fill_windows(store, now, due);
  const double when = when_->evaluate();
  if (std::isnan(when)) return std::nullopt;
  if (alarm_.state() != AlarmState::active) return when != 0;
  if (!end_) return when == 0;
  const double end = end_->evaluate();
  if (std::isnan(end)) return std::nullopt;
  return when == 0 && (rule_.clear_when ? end != 0 : end == 0);
}

Judge::Outcome Judge::judge(TagStore& store, WallTime now) {
  Outcome outcome;
  outcome.changes = alarm_.step(now, leave(store, now, outcome.due));
  earlier(outcome.due, alarm_.due());
  return outcome;
}

std::string Judge::reasons(TagStore& store, WallTime now) {
  std::string out;
  for (const auto& [at, stale_after] : reads_) {
    const TagStore::Slot& slot = store.slot(at);
    const char* why = !slot.read                                                  ? "was never read"
                      : slot.quality == Quality::bad                              ? "is bad"
                      : slot.quality == Quality::uncertain                        ? "is uncertain"
                      : stale_after.count() > 0 && now - slot.time >= stale_after ? "is silent"
                                                                                  : nullptr;
    if (why != nullptr) out += std::format("{}{} {}", out.empty() ? "" : ", ", slot.tag->name, why);
  }
  if (!out.empty()) return out;
  const bool windows = std::ranges::any_of(windows_, [](const WindowUse& use) { return std::isnan(*use.value); });
  return windows ? "less than half of a window is known" : "the expression has no value";
}

RuleEvent Judge::event(TagStore& store, RuleEvent::Kind kind, WallTime now) {
  RuleEvent event{.kind = kind, .rule = rule_.name, .asset = rule_.asset, .severity = rule_.severity, .time = now};
  for (const std::uint32_t at : shown_) {
    const TagStore::Slot& slot = store.slot(at);
    event.values.push_back({slot.tag->name, slot.value, slot.tag->unit.value_or(""), slot.quality});
  }
  if (kind == RuleEvent::Kind::unknown) {
    event.message = std::format("{} can't be judged: {}", rule_.name, reasons(store, now));
  } else if (kind == RuleEvent::Kind::known) {
    event.message = std::format("{} is judged again", rule_.name);
  } else {
    std::optional<WallTime> unused;
    fill_windows(store, now, unused);
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      event.message += rule_.message[i].text;
      if (!pieces_[i]) continue;
      const auto& unit = rule_.message[i].value->unit;
      event.message += with_unit(pieces_[i]->evaluate(), unit ? unit->name : "");
    }
  }
  return event;
}

}  // namespace lineside::rules
