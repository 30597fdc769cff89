#pragma once
// A rule as it was read from a file: checked, so that a RuleEngine can be made of it.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/grant_settings.h"
#include "config/tag_settings.h"
#include "model/record.h"
#include "rules/expression.h"

namespace lineside::rules {

// Bounds of all the rules of a gateway together. Memory: a window is of one size whatever its length and its readings
// (Window), about 4 kB, so kWindowsMax are 8 MB; formulas take about 300 bytes for each word or sign of a file.
inline constexpr std::size_t kRulesMax = 1000;
inline constexpr std::size_t kWindowsMax = 2000;   // different in tag, length or when their tag is stale
inline constexpr std::size_t kTagsOfRuleMax = 50;  // bounds the time that one evaluation takes
inline constexpr std::size_t kPiecesMax = 20;      // values in a message
inline constexpr std::size_t kActionsMax = 16;     // of a rule
inline constexpr std::size_t kMessageBytesMax = 1000, kAssetBytesMax = 200;  // they go with each event
inline constexpr std::size_t kFileBytesMax = 1u << 20;

// A part of a message: fixed text, then a value if there is one.
struct MessagePiece {
  std::string text;
  std::optional<Expression> value;  // a number
};

enum class AlarmChange : std::uint8_t { raised, cleared };

// What is sent to a broker when the alarm is raised or cleared.
struct PublishAction {
  std::string broker;  // name of a tag source of kind mqtt
  std::string topic;
  std::vector<MessagePiece> payload;
  nanoseconds ttl{};  // later than so it is not sent any more
  AlarmChange at = AlarmChange::raised;
};

// What is written into a tag when the alarm is raised or cleared; granted, checked when the rules were loaded.
struct WriteAction {
  std::size_t tag = 0;
  double value = 0;  // in the tag's unit
  std::vector<Expression> interlocks;
  std::vector<std::string> interlock_texts;
  nanoseconds ttl{};  // later than so after the alarm it is not done any more
  AlarmChange at = AlarmChange::raised;
  std::optional<double> back_to;  // what is written when `back_after` is over
  nanoseconds back_after{};
};

struct Rule {
  std::string name, asset, when_text;
  Expression when;
  std::optional<Expression> clear_when;
  double hysteresis = 0;  // in the unit of `when`'s comparisons
  nanoseconds on_delay{}, off_delay{};
  bool latching = false;  // clears only when it was acknowledged (ISA-18.2: latching alarm)
  Severity severity = Severity::medium;
  std::vector<MessagePiece> message;
  std::vector<PublishAction> publishes;
  std::vector<WriteAction> writes;
  std::vector<std::size_t> moves;  // tags that its actions may change
  nanoseconds unknown_after{};     // so long without knowing is told
  nanoseconds stale_after{};       // without a reading for so long a tag is stale; 0: by each tag's max_silence

  nanoseconds stale_after_of(const TagInfo& tag) const {
    return stale_after.count() > 0 ? stale_after : tag.max_silence;
  }
};

// What rules may name.
struct Surroundings {
  TagList tags;
  std::vector<std::string> captures{};  // stations and assets that a capture may start on
  std::vector<std::string> brokers{};   // tag sources that a rule may publish by
  struct Topic {
    std::size_t tag;
    std::string filter;
  };
  std::vector<Topic> topics{};  // whose messages tags are read from, of all brokers
  struct Grant {
    std::size_t tag;
    config::GrantSettings terms;
    config::TagSettings where;
    config::TagSourceSettings::Kind kind;
    std::vector<std::size_t> moves;  // tags of the same place, itself among them
  };
  std::vector<Grant> grants{};
  bool only_tags = false;  // nothing but the tags is known: the rest is not checked
};

// Reads rules.yaml. Every mistake in the file is found in one pass and listed in the error's message, one line each,
// with file, line, key and, in expressions, the column: unknown keys and tags, units that don't fit, syntax, ranges,
// too many rules, rules that publish or write what makes them read it, writes that no grant allows, two rules that
// write one tag. Errors: config_invalid, file_not_found, file_io, limit_reached (file above kFileBytesMax). The action
// capture is checked, then refused: this version can't carry it out. `before`: those of the files before this one;
// names are unique, and loops are looked for, over all of them.
Result<std::vector<Rule>> load_rules(const std::filesystem::path& path, const Surroundings& surroundings,
                                     const std::vector<Rule>& before = {});

// Whether the keys of a settings file are those of rules.
bool holds_rules(const std::filesystem::path& path);

}  // namespace lineside::rules
