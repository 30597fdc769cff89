#include "rules/engine.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <memory>
#include <utility>

#include "rules/due_times.h"
#include "rules/judge.h"
#include "rules/tag_store.h"

namespace lineside::rules {
namespace {

// Beyond these, sums of times would overflow; no reading is from there.
constexpr WallTime kEarliest{}, kLatest{nanoseconds{std::int64_t{1} << 62}};

}  // namespace

const char* to_string(RuleEvent::Kind kind) {
  static constexpr const char* kNames[] = {"raised", "cleared", "unknown", "known", "acknowledged"};
  return kNames[static_cast<std::size_t>(kind)];
}

EventRecord to_record(const RuleEvent& event, std::string id) {
  using Kind = RuleEvent::Kind;
  const bool alarm = event.kind != Kind::unknown && event.kind != Kind::known;
  EventRecord record{.id = std::move(id),
                     .type = std::format("{}.{}", alarm ? "alarm" : "rule", to_string(event.kind)),
                     .asset = event.asset,
                     .severity = alarm ? event.severity : std::min(event.severity, Severity::medium),
                     .time = event.time,
                     .message = event.message};
  record.evidence["rule"] = event.rule;
  if (!event.by.empty()) record.evidence["by"] = event.by;
  for (const RuleValue& value : event.values) record.evidence.emplace(value.name, to_string(value));
  return record;
}

class RuleEngine::Core {
 public:
  Core(std::vector<Judge> judges, std::unique_ptr<TagStore> store, std::size_t tags, RuleSink& sink)
      : judges_(std::move(judges)), store_(std::move(store)), tags_(tags), sink_(sink), due_(judges_.size()) {
    in_turn_.reserve(judges_.size());
    waits_.assign(judges_.size(), false);
  }

  void on_samples(std::span<const Sample> samples) {
    for (std::size_t i = 0; i < samples.size();) {
      const WallTime time = time_of(samples[i]);
      move_to(time);
      do {
        take(samples[i], time);
      } while (++i < samples.size() && time_of(samples[i]) == time);
      judge_those_in_turn();
    }
  }

  void advance(WallTime wanted) {
    const WallTime now = std::clamp(wanted, kEarliest, kLatest);
    if (now < latest_call_ - kBackMax) return set_clock(now - now_, now);
    latest_call_ = std::max(latest_call_, now);
    move_to(now);
  }

  void clock_set(nanoseconds by) {
    if (!begun_) return;
    set_clock(by, std::clamp(latest_call_ + by, kEarliest, kLatest));
  }

  Result<void> acknowledge(std::string_view name, const std::string& by, WallTime now) {
    const auto found = std::ranges::find(judges_, name, [](const Judge& judge) { return judge.rule().name; });
    if (found == judges_.end()) return fail(ErrorCode::not_found, std::format("there is no rule '{}'", name));
    advance(now);
    if (found->status().state == AlarmState::normal) return {};
    tell(*found, RuleEvent::Kind::acknowledged, by);
    if (found->alarm().acknowledge(now_)) tell(*found, RuleEvent::Kind::cleared, by);
    judge(static_cast<std::size_t>(found - judges_.begin()));
    return {};
  }

  std::vector<RuleStatus> restore(std::span<const RuleStatus> kept) {
    std::vector<RuleStatus> gone;
    for (const RuleStatus& one : kept) {
      const auto found = std::ranges::find(judges_, one.rule, [](const Judge& judge) { return judge.rule().name; });
      if (found != judges_.end())
        found->restore(one);
      else
        gone.push_back(one);
    }
    return gone;
  }

  std::vector<RuleStatus> status() const {
    std::vector<RuleStatus> all;
    all.reserve(judges_.size());
    for (const Judge& judge : judges_) all.push_back(judge.status());
    return all;
  }

  std::string hindrance(const RuleWrite& write, bool back) {
    return judges_.at(write.number).hindrance(*store_, now_, write.action, back);
  }

  const RuleCounters& counters() const { return counters_; }
  bool reads(std::size_t tag) const { return store_->find(tag) != nullptr; }

 private:
  WallTime time_of(const Sample& sample) {
    WallTime time = sample.source_time == WallTime{} ? sample.received : sample.source_time;
    if (sample.received != WallTime{} && time > sample.received + kAheadMax) time = sample.received;
    return std::clamp(time, kEarliest, kLatest);
  }

  void take(const Sample& sample, WallTime time) {
    ++counters_.samples;
    if (sample.tag >= tags_ || (sample.quality == Quality::good && !std::isfinite(sample.value))) ++counters_.refused;
    if (sample.source_time > time) ++counters_.from_future;
    TagStore::Slot* slot = store_->find(sample.tag);
    if (slot == nullptr) return;
    if (sample.source_time != WallTime{} && time == sample.source_time) {
      if (slot->stamp && time < *slot->stamp && now_ - slot->heard < kLateMax) {
        ++counters_.late;
        return;
      }
      slot->stamp = time;
    }
    const bool seen = store_->apply(*slot, sample, now_);
    for (const std::uint32_t rule : seen ? slot->rules : slot->rules_by_window) {
      if (!waits_[rule]) in_turn_.push_back(rule);
      waits_[rule] = true;
    }
  }

  void judge_those_in_turn() {
    if (in_turn_.size() > 1) std::ranges::sort(in_turn_);
    for (const std::uint32_t rule : in_turn_) {
      waits_[rule] = false;
      judge(rule);
    }
    in_turn_.clear();
  }

  void judge(std::size_t rule) {
    ++counters_.evaluations;
    Judge& one = judges_[rule];
    const auto [changes, due] = one.judge(*store_, now_);
    due_.set(rule, due);
    if (!changes.any()) return;
    if (changes.known) tell(one, RuleEvent::Kind::known);
    if (changes.unknown) tell(one, RuleEvent::Kind::unknown);
    if (changes.raised) tell(one, RuleEvent::Kind::raised);
    if (changes.cleared) tell(one, RuleEvent::Kind::cleared);
    if (changes.raised || changes.cleared) judge(rule);  // what ends the new state may be true already
  }

  void tell(Judge& judge, RuleEvent::Kind kind, const std::string& by = {}) {
    counters_.raised += kind == RuleEvent::Kind::raised;
    counters_.cleared += kind == RuleEvent::Kind::cleared;
    counters_.unknown += kind == RuleEvent::Kind::unknown;
    RuleEvent event = judge.event(*store_, kind, now_);
    event.by = by;
    sink_.on_rule(event);
  }

  // What falls due until `time` happens at its own time, before anything of `time` is looked at.
  void move_to(WallTime time) {
    if (!begun_) {
      begun_ = true;
      now_ = time;
      for (std::size_t rule = 0; rule < judges_.size(); ++rule) judge(rule);
    }
    for (auto next = due_.next(); next && next->due <= time; next = due_.next()) {
      now_ = std::max(now_, next->due);
      judge(next->which);
    }
    now_ = std::max(now_, time);
  }

  void set_clock(nanoseconds by, WallTime latest_call) {
    ++counters_.clock_set;
    const WallTime before = std::exchange(now_, std::clamp(now_ + by, kEarliest, kLatest));
    by = now_ - before;
    latest_call_ = latest_call;
    store_->shift(by, now_);
    for (std::size_t rule = 0; rule < judges_.size(); ++rule) {
      judges_[rule].alarm().shift(by);
      judge(rule);
    }
  }

  std::vector<Judge> judges_;
  std::unique_ptr<TagStore> store_;
  const std::size_t tags_;
  RuleSink& sink_;
  DueTimes due_;
  std::vector<std::uint32_t> in_turn_;
  std::vector<bool> waits_;  // in in_turn_
  bool begun_ = false;
  WallTime now_{}, latest_call_{};
  RuleCounters counters_;
};

RuleEngine::RuleEngine(std::unique_ptr<Core> core) : core_(std::move(core)) {}
RuleEngine::RuleEngine(RuleEngine&&) noexcept = default;
RuleEngine& RuleEngine::operator=(RuleEngine&&) noexcept = default;
RuleEngine::~RuleEngine() = default;

Result<RuleEngine> RuleEngine::create(std::vector<Rule> rules, const TagList& tags, RuleSink& sink) {
  auto store = std::make_unique<TagStore>(tags);
  std::vector<Judge> judges;
  judges.reserve(rules.size());
  for (Rule& rule : rules) {
    LINESIDE_ASSIGN(Judge judge, Judge::create(std::move(rule), static_cast<std::uint32_t>(judges.size()), *store));
    judges.push_back(std::move(judge));
  }
  return RuleEngine(std::make_unique<Core>(std::move(judges), std::move(store), tags.all().size(), sink));
}

void RuleEngine::on_samples(std::span<const Sample> samples) { core_->on_samples(samples); }
void RuleEngine::advance(WallTime now) { core_->advance(now); }
void RuleEngine::clock_set(nanoseconds by) { core_->clock_set(by); }
Result<void> RuleEngine::acknowledge(std::string_view rule, const std::string& by, WallTime now) {
  return core_->acknowledge(rule, by, now);
}
std::vector<RuleStatus> RuleEngine::restore(std::span<const RuleStatus> kept) { return core_->restore(kept); }
std::string RuleEngine::hindrance(const RuleWrite& write, bool back) { return core_->hindrance(write, back); }
std::vector<RuleStatus> RuleEngine::status() const { return core_->status(); }
const RuleCounters& RuleEngine::counters() const { return core_->counters(); }
bool RuleEngine::reads(std::size_t tag) const { return core_->reads(tag); }

}  // namespace lineside::rules
