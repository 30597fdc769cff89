#pragma once
// What stands in rules.yaml, before its texts are understood.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "config/schema.h"
#include "model/record.h"
#include "rules/rule.h"

namespace lineside::rules {

using std::chrono::milliseconds;

struct ActionSettings {
  enum class Kind : std::uint8_t { alarm, write, publish, capture } kind = Kind::alarm;
  std::string tag;                       // write
  std::string value;                     // write: with or without a unit
  std::string min, max;                  // write: likewise; limits of what may ever be written
  std::vector<std::string> interlocks;   // write: conditions that must all be true
  milliseconds ttl{0};                   // write, publish: later than so it is not done any more
  std::string broker, topic, payload;    // publish; broker: the name of a tag source of kind mqtt
  AlarmChange at = AlarmChange::raised;  // write, publish
  std::string back_to;                   // write: what is written when back_after is over; empty: nothing
  milliseconds back_after{0};            // write
  std::string of;                        // capture: a station or an asset
};

struct RuleSettings {
  std::string name, asset, when, clear_when, hysteresis, message;
  milliseconds on_delay{0}, off_delay{0};
  bool latching = false;
  Severity severity = Severity::medium;
  milliseconds unknown_after{60'000}, stale_after{0};
  std::vector<ActionSettings> actions;
};

struct RulesFile {
  std::vector<RuleSettings> rules;
};

config::Schema rules_schema();

}  // namespace lineside::rules
