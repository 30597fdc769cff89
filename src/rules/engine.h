#pragma once
// Watches the readings of tags and raises and clears alarms by rules. It knows no clock: time is what the readings and
// advance() say, so a recording that is replayed gives the same events as it gave live.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/record.h"
#include "model/sample.h"
#include "rules/alarm_logic.h"
#include "rules/rule.h"

namespace lineside::rules {

// A value at an event. Without a reading, or of a bad one, the value is NaN.
struct RuleValue {
  std::string name;
  double value = 0;
  std::string unit;
  Quality quality = Quality::bad;
};

// What a rule wants to be sent.
struct RuleMessage {
  std::string rule, broker, topic, payload;
  nanoseconds ttl{};
};

// What a rule wants to be written. Nobody writes here: whoever is told may, within a grant (law 6).
struct RuleWrite {
  std::string rule;
  std::uint32_t number = 0;  // of the rule, in the engine
  std::size_t action = 0;    // place in Rule::writes
  std::size_t tag = 0;       // as in Sample
  std::string tag_name, unit;
  double value = 0;
  nanoseconds ttl{};  // from the event's time on
  AlarmChange at = AlarmChange::raised;
  std::optional<double> back_to;  // what is to be written when back_after is over
  nanoseconds back_after{};
  WallTime alarm_since{};  // which life of the alarm it belongs to: when it was raised
  std::string hindered;    // why it must not be done; empty: it may
};

struct RuleEvent {
  enum class Kind : std::uint8_t {
    raised,
    cleared,
    unknown,  // the condition can't be known for longer than the rule allows; the message says why
    known,    // it can again
    acknowledged,
  };
  Kind kind = Kind::raised;
  std::string rule, asset;
  Severity severity = Severity::medium;
  WallTime time{};
  std::string message;
  std::vector<RuleValue> values;      // of the tags that the rule reads
  std::string by;                     // acknowledged, and cleared by that: who it was
  std::vector<RuleMessage> messages;  // raised and cleared
  std::vector<RuleWrite> writes;      // likewise
};
const char* to_string(RuleEvent::Kind kind);
// "80.5 °C", "no reading"
std::string to_string(const RuleValue& value);

// As what goes to the hub: of type alarm.raised, alarm.cleared, alarm.acknowledged, rule.unknown or rule.known, with
// the rule's name and the values as evidence. unknown is of severity medium at most: nothing is known to have happened.
EventRecord to_record(const RuleEvent& event, std::string id);

// Called on the engine's thread, in the order of time; must not call the engine.
class RuleSink {
 public:
  virtual ~RuleSink() = default;
  virtual void on_rule(const RuleEvent& event) = 0;
};

struct RuleStatus {
  std::string rule, asset;
  Severity severity = Severity::medium;
  AlarmState state = AlarmState::normal;
  bool acknowledged = false, known = false;
  bool told_unknown = false;  // and not yet that it is known
  WallTime since{};           // in this state; zero: from the start on
  std::string message;        // that was told when the alarm was raised; empty in state normal
};

struct RuleCounters {
  std::uint64_t samples = 0, evaluations = 0, raised = 0, cleared = 0, unknown = 0;
  std::uint64_t late = 0;         // readings with a time before that of the newest of their tag: not used
  std::uint64_t from_future = 0;  // source times too far ahead of receipt: the time of receipt was taken
  std::uint64_t refused = 0;      // no such tag, or a good value that is no finite number (taken as bad)
  std::uint64_t clock_set = 0;    // times that the clock was set back or ahead
};

// Time. A reading counts from its source time on; without one from its receipt on. One whose source time is more than
// kAheadMax ahead of its receipt counts from its receipt on. One that is older than the engine's time counts from the
// engine's time on, so that a source whose clock is behind is as good as any. One whose source says that it was
// measured before the newest of its tag is left out, unless nothing newer came for kLateMax: then the source's clock
// was set back. Samples that follow on each other in one call with one and the same time are taken together: a rule is
// judged once for all of them.
//
// Quality. While any tag that a rule reads is bad, uncertain, stale or was never read, and while a window is known by
// less than half, the rule is unknown: its alarm neither trips nor clears, and its delays stand still.
//
// Bounds: no allocation in on_samples() but for events; a sample costs at most one evaluation for each rule that reads
// its tag, and those that fell due since the last one (at most Window::kSlices + 2 for each window, and one for each
// delay). Owner thread only: the thread that calls on_samples, advance, acknowledge and status must be one.
class RuleEngine {
 public:
  static constexpr nanoseconds kAheadMax = std::chrono::seconds{1};
  static constexpr nanoseconds kBackMax = std::chrono::seconds{10};
  static constexpr nanoseconds kLateMax = std::chrono::seconds{60};

  // `tags` as the rules were loaded with; Sample::tag is the place in it. Tags and sink must outlive the engine.
  // Errors: internal.
  static Result<RuleEngine> create(std::vector<Rule> rules, const TagList& tags, RuleSink& sink);
  RuleEngine(RuleEngine&&) noexcept;
  RuleEngine& operator=(RuleEngine&&) noexcept;
  ~RuleEngine();

  void on_samples(std::span<const Sample> samples);
  // Nothing that was measured before `now` will come any more: delays end and tags become stale although nothing is
  // read. To be called about once a second with the clock, less the time that readings take to get here. More than
  // kBackMax before an earlier call: the clock was set back, as by clock_set().
  void advance(WallTime now);
  // The clock was set by `by`, ahead or back: ages and delays go on as they were, windows begin anew. Whoever has a
  // monotonic clock calls it before anything that has the new time.
  void clock_set(nanoseconds by);
  // By a person: a latched alarm whose condition is gone clears. Without an alarm nothing happens. Errors: not_found
  // (no such rule).
  Result<void> acknowledge(std::string_view rule, const std::string& by, WallTime now);

  // Before the first reading: rules are as status() gave them before a restart. Gives those of rules that are no more.
  std::vector<RuleStatus> restore(std::span<const RuleStatus> kept);

  // Why a write that was told may not be done now: what its interlocks say of the newest readings, or that the alarm is
  // another by now. `back`: it is the one that ends it, for which the alarm does not count. Empty: it may.
  std::string hindrance(const RuleWrite& write, bool back = false);

  std::vector<RuleStatus> status() const;
  const RuleCounters& counters() const;
  bool reads(std::size_t tag) const;

 private:
  class Core;
  explicit RuleEngine(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace lineside::rules
