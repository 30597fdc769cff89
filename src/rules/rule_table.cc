#include "rules/rule_table.h"

#include "config/table.h"

namespace lineside::rules {
namespace {

using config::Table;
using config::TextRule;

constexpr double kWeekMs = 7.0 * 86'400'000, kHourMs = 3'600'000;

Table<ActionSettings> action_table() {
  using Kind = ActionSettings::Kind;
  return Table<ActionSettings>("An action")
      .choice(
          "kind", &ActionSettings::kind,
          {{"alarm", Kind::alarm}, {"write", Kind::write}, {"publish", Kind::publish}, {"capture", Kind::capture}},
          "alarm: raise and clear an alarm, as every rule does. publish: send an MQTT message. write: write a tag that "
          "the gateway's `grants` let this rule write. capture is not supported yet.")
      .required()
      .text("tag", &ActionSettings::tag, TextRule::any, "write: the tag that is written.")
      .text("value", &ActionSettings::value, TextRule::any,
            "write: the number that is written, in the tag's unit or with one that fits it.")
      .text("min", &ActionSettings::min, TextRule::any, "write: nothing below is ever written.")
      .text("max", &ActionSettings::max, TextRule::any, "write: nothing above is ever written.")
      .text_list("interlocks", &ActionSettings::interlocks, TextRule::any,
                 "write: conditions; all must be true, and known, for the write to be done.")
      .milliseconds("ttl_ms", &ActionSettings::ttl, 1, kHourMs, "write, publish: what is not done by then is left out.")
      .text("broker", &ActionSettings::broker, TextRule::any,
            "publish: a tag source of kind mqtt, whose broker and sign-in are used.")
      .text("topic", &ActionSettings::topic, TextRule::any, "publish: MQTT topic.")
      .text("payload", &ActionSettings::payload, TextRule::any,
            "publish: text with values, like `message`; as bare numbers, null where they are not known.")
      .choice("at", &ActionSettings::at, {{"raised", AlarmChange::raised}, {"cleared", AlarmChange::cleared}},
              "write, publish: when.")
      .text("back_to", &ActionSettings::back_to, TextRule::any,
            "write: the number that is written back when back_after_ms are over; empty: the value stays.")
      .milliseconds("back_after_ms", &ActionSettings::back_after, 0, kWeekMs, "write: how long the value stays.")
      .text("of", &ActionSettings::of, TextRule::any, "capture: name of a station or an asset.");
}

Table<RuleSettings> rule_table() {
  return Table<RuleSettings>("A rule")
      .text("name", &RuleSettings::name, TextRule::name, "Unique in this file; the alarm's name.")
      .required()
      .text("asset", &RuleSettings::asset, TextRule::any, "The machine or place it is about; empty: the gateway.")
      .text("when", &RuleSettings::when, TextRule::any, "The condition of the alarm; may end with `for 30 s`.")
      .required()
      .text("clear_when", &RuleSettings::clear_when, TextRule::any,
            "The alarm goes when this is true and `when` is not; empty: when `when` is not true.")
      .text("hysteresis", &RuleSettings::hysteresis, TextRule::any,
            "Each < <= > >= of `when` must be missed by so much for the alarm to go, as 2 or 2 K.")
      .milliseconds("on_delay_ms", &RuleSettings::on_delay, 0, kWeekMs,
                    "The condition must be true for so long without a break; or `for` in `when`.")
      .milliseconds("off_delay_ms", &RuleSettings::off_delay, 0, kWeekMs,
                    "The condition must be gone for so long without a break.")
      .flag("latching", &RuleSettings::latching, "The alarm stays until it was acknowledged, though its cause is gone.")
      .choice("severity", &RuleSettings::severity,
              {{"info", Severity::info},
               {"low", Severity::low},
               {"medium", Severity::medium},
               {"high", Severity::high},
               {"critical", Severity::critical}},
              "How bad it is.")
      .text("message", &RuleSettings::message, TextRule::any,
            "What people read; {TAG} or any {EXPRESSION} becomes its value. Empty: name and condition.")
      .milliseconds("unknown_after_ms", &RuleSettings::unknown_after, 0, kWeekMs,
                    "When the condition can't be known for so long, that is told.")
      .milliseconds("stale_after_ms", &RuleSettings::stale_after, 0, kWeekMs,
                    "A tag without a reading for so long is not known; 0: by its own max_silence_ms.")
      .list("actions", &RuleSettings::actions, action_table(), "What is done; none: the alarm only.");
}

}  // namespace

config::Schema rules_schema() {
  return Table<RulesFile>("Rules").list("rules", &RulesFile::rules, rule_table(), "The rules.").required().schema();
}

}  // namespace lineside::rules
