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
    const nanoseconds stale = rule_.stale_after_of(*slot.tag);
    reads_.push_back({at, stale});
    slot.rules.push_back(number);
    if (std::ranges::contains(windows_, at, &WindowUse::slot)) slot.rules_by_window.push_back(number);
    if (stale.count() > 0 && (slot.stale_first.count() == 0 || stale < slot.stale_first)) slot.stale_first = stale;
  }
  LINESIDE_ASSIGN(message_, text(std::move(rule_.message), store, tags));
  for (PublishAction& publish : rule_.publishes) {
    LINESIDE_ASSIGN(Text payload, text(std::move(publish.payload), store, tags));
    payloads_.push_back(std::move(payload));
  }
  LINESIDE_TRY(prepare_writes(store, tags));
  number_ = number;
  for (const std::size_t tag : tags) shown_.push_back(store.slot_of(tag));
  return {};
}

Result<void> Judge::prepare_writes(TagStore& store, std::set<std::size_t>& tags) {
  for (const WriteAction& write : rule_.writes) {
    auto& interlocks = interlocks_.emplace_back();
    for (const Expression& condition : write.interlocks) {
      LINESIDE_ASSIGN(Formula made, formula(condition, store));
      interlocks.push_back({std::move(made), {}});
      for (const std::size_t tag : condition.tags) {
        const std::uint32_t at = store.slot_of(tag);
        interlocks.back().reads.push_back({at, rule_.stale_after_of(*store.slot(at).tag)});
      }
      tags.insert(condition.tags.begin(), condition.tags.end());
    }
    tags.insert(write.tag);
    store.slot_of(write.tag);
  }
  return {};
}

Result<Judge::Text> Judge::text(std::vector<MessagePiece> pieces, TagStore& store, std::set<std::size_t>& tags) {
  Text made{.pieces = std::move(pieces), .values = {}};
  for (const MessagePiece& piece : made.pieces) {
    made.values.emplace_back();
    if (!piece.value) continue;
    LINESIDE_ASSIGN(made.values.back(), formula(*piece.value, store));
    tags.insert(piece.value->tags.begin(), piece.value->tags.end());
  }
  return made;
}

// Programs get bare numbers, and null for what is not known.
std::string Judge::filled(const Text& text, bool for_people) {
  std::string out;
  for (std::size_t i = 0; i < text.pieces.size(); ++i) {
    out += text.pieces[i].text;
    if (!text.values[i]) continue;
    const double value = text.values[i]->evaluate();
    const auto& unit = text.pieces[i].value->unit;
    if (for_people)
      out += with_unit(value, unit ? unit->name : "");
    else
      out += std::isfinite(value) ? std::format("{:.10g}", value) : "null";
  }
  return out;
}

double* Judge::window_place(const WindowSpec& spec, TagStore& store) {
  const std::uint32_t slot = store.slot_of(spec.tag);
  const std::uint32_t window = store.window_of(spec.tag, spec.length, rule_.stale_after_of(*store.slot(slot).tag));
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
    if (now - slot.heard >= stale_after) return std::nullopt;
    earlier(stale, slot.heard + stale_after);
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

std::string Judge::troubles(const std::vector<Read>& reads, TagStore& store, WallTime now) {
  std::string out;
  for (const auto& [at, stale_after] : reads) {
    const TagStore::Slot& slot = store.slot(at);
    const char* why = !slot.read                                                   ? "was never read"
                      : slot.quality == Quality::bad                               ? "is bad"
                      : slot.quality == Quality::uncertain                         ? "is uncertain"
                      : stale_after.count() > 0 && now - slot.heard >= stale_after ? "is silent"
                                                                                   : nullptr;
    if (why != nullptr) out += std::format("{}{} {}", out.empty() ? "" : ", ", slot.tag->name, why);
  }
  return out;
}

std::string Judge::reasons(TagStore& store, WallTime now) {
  if (std::string out = troubles(reads_, store, now); !out.empty()) return out;
  const bool windows = std::ranges::any_of(windows_, [](const WindowUse& use) { return std::isnan(*use.value); });
  return windows ? "less than half of a window is known" : "the expression has no value";
}

std::string Judge::told_by(const Interlock& interlock, TagStore& store, WallTime now) {
  if (std::string out = troubles(interlock.reads, store, now); !out.empty()) return out;
  const double held = interlock.formula.evaluate();
  return std::isnan(held) ? "it has no value now" : held == 0 ? "it is not true" : "";
}

std::string Judge::hindrance(TagStore& store, WallTime now, std::size_t write, bool back) {
  const WriteAction& wanted = rule_.writes[write];
  const bool there = alarm_.state() != AlarmState::normal;
  if (!back && !alarm_.known()) return "the rule can't be judged now: " + reasons(store, now);
  if (!back && there != (wanted.at == AlarmChange::raised))
    return there ? "the alarm has come again" : "the alarm has gone";
  std::optional<WallTime> unused;
  fill_windows(store, now, unused);
  for (std::size_t i = 0; i < interlocks_[write].size(); ++i)
    if (const std::string why = told_by(interlocks_[write][i], store, now); !why.empty())
      return std::format("interlock `{}`: {}", wanted.interlock_texts[i], why);
  return {};
}

RuleStatus Judge::status() const {
  return {.rule = rule_.name,
          .asset = rule_.asset,
          .severity = rule_.severity,
          .state = alarm_.state(),
          .acknowledged = alarm_.acknowledged(),
          .known = alarm_.known(),
          .told_unknown = alarm_.told_unknown(),
          .since = alarm_.since(),
          .message = alarm_.state() == AlarmState::normal ? "" : raised_};
}

void Judge::restore(const RuleStatus& kept) {
  alarm_.restore(kept.state, kept.acknowledged, kept.told_unknown, kept.since);
  raised_ = kept.message;
  raised_at_ = kept.since;
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
    if (kind == RuleEvent::Kind::acknowledged) event.message = "Acknowledged: ";
    std::optional<WallTime> unused;
    fill_windows(store, now, unused);
    event.message += filled(message_, true);
    if (kind == RuleEvent::Kind::raised) {
      raised_ = event.message;
      raised_at_ = now;
    }
    add_actions(event, store, now);
  }
  return event;
}

void Judge::add_actions(RuleEvent& event, TagStore& store, WallTime now) {
  const auto now_is = [&](AlarmChange at) {
    return event.kind == (at == AlarmChange::raised ? RuleEvent::Kind::raised : RuleEvent::Kind::cleared);
  };
  for (std::size_t i = 0; i < payloads_.size(); ++i) {
    const PublishAction& publish = rule_.publishes[i];
    if (now_is(publish.at))
      event.messages.push_back({rule_.name, publish.broker, publish.topic, filled(payloads_[i], false), publish.ttl});
  }
  for (std::size_t i = 0; i < rule_.writes.size(); ++i) {
    const WriteAction& write = rule_.writes[i];
    if (!now_is(write.at)) continue;
    const TagInfo& tag = *store.slot(store.slot_of(write.tag)).tag;
    event.writes.push_back({.rule = rule_.name,
                            .number = number_,
                            .action = i,
                            .tag = write.tag,
                            .tag_name = tag.name,
                            .unit = tag.unit.value_or(""),
                            .value = write.value,
                            .ttl = write.ttl,
                            .at = write.at,
                            .back_to = write.back_to,
                            .back_after = write.back_after,
                            .alarm_since = raised_at_,
                            .hindered = hindrance(store, now, i, false)});
  }
}

}  // namespace lineside::rules
