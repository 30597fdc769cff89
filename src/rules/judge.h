#pragma once
// One rule at work: its formulas over the TagStore, and the life of its alarm.
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "rules/alarm_logic.h"
#include "rules/engine.h"
#include "rules/formula.h"
#include "rules/tag_store.h"

namespace lineside::rules {

// Owner thread only. Holds places in the store, which must outlive it.
class Judge {
 public:
  // `number`: the rule's place, by which the store's slots name it. Errors: internal.
  static Result<Judge> create(Rule rule, std::uint32_t number, TagStore& store);

  struct Outcome {
    AlarmLogic::Changes changes;
    std::optional<WallTime> due;  // when it has to be judged again although nothing is read
  };
  Outcome judge(TagStore& store, WallTime now);

  // What there is to tell, with the values of now.
  RuleEvent event(TagStore& store, RuleEvent::Kind kind, WallTime now);

  // Why this write may not be done now: its alarm is another by now, or what its interlocks say. `back`: it is the one
  // that ends it, for which the alarm does not count. Empty: it may.
  std::string hindrance(TagStore& store, WallTime now, std::size_t write, bool back);

  const Rule& rule() const { return rule_; }
  AlarmLogic& alarm() { return alarm_; }
  RuleStatus status() const;
  void restore(const RuleStatus& kept);  // before the first judgement

 private:
  struct Read {
    std::uint32_t slot;
    nanoseconds stale_after;  // 0: never
  };
  struct WindowUse {
    std::uint32_t slot, window;
    WindowKind kind;
    std::unique_ptr<double> value;
  };

  explicit Judge(Rule rule);
  Result<void> prepare(std::uint32_t number, TagStore& store);
  Result<Formula> formula(const Expression& expression, TagStore& store, double margin = 0);
  double* window_place(const WindowSpec& spec, TagStore& store);
  // The condition for leaving the present state; not set: it can't be known.
  std::optional<bool> leave(TagStore& store, WallTime now, std::optional<WallTime>& due);
  void fill_windows(TagStore& store, WallTime now, std::optional<WallTime>& due);
  std::string reasons(TagStore& store, WallTime now);
  struct Text {
    std::vector<MessagePiece> pieces;
    std::vector<std::optional<Formula>> values;
  };
  struct Interlock {
    Formula formula;
    std::vector<Read> reads;
  };
  Result<void> prepare_writes(TagStore& store, std::set<std::size_t>& tags);
  std::string told_by(const Interlock& interlock, TagStore& store, WallTime now);
  void add_actions(RuleEvent& event, TagStore& store, WallTime now);
  static std::string troubles(const std::vector<Read>& reads, TagStore& store, WallTime now);
  Result<Text> text(std::vector<MessagePiece> pieces, TagStore& store, std::set<std::size_t>& tags);
  static std::string filled(const Text& text, bool for_people);

  Rule rule_;
  AlarmLogic alarm_;
  std::vector<Read> reads_;            // of the conditions
  std::vector<std::uint32_t> shown_;   // slots whose values go with an event
  std::vector<WindowUse> windows_;     // of the conditions and the message
  std::optional<Formula> when_, end_;  // end_: of clear_when or, with hysteresis, of what keeps the alarm
  Text message_;
  std::vector<Text> payloads_;                      // of rule_.publishes
  std::vector<std::vector<Interlock>> interlocks_;  // of rule_.writes
  std::uint32_t number_ = 0;
  std::string raised_;  // what was said when the alarm was raised
  WallTime raised_at_{};
};

}  // namespace lineside::rules
