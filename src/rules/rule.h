#pragma once
// A rule as it was read from a file: checked, so that a RuleEngine can be made of it.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/record.h"
#include "rules/expression.h"

namespace lineside::rules {

inline constexpr std::size_t kRulesMax = 1000;
inline constexpr std::size_t kWindowsMax = 2000;   // of all rules together, about 5 kB each
inline constexpr std::size_t kTagsOfRuleMax = 50;  // bounds the time that one evaluation takes
inline constexpr std::size_t kPiecesMax = 20;      // values in a message
inline constexpr std::size_t kActionsMax = 16;     // of a rule
inline constexpr std::size_t kFileBytesMax = 4u << 20;

// A part of a message: fixed text, then a value if there is one.
struct MessagePiece {
  std::string text;
  std::optional<Expression> value;  // a number
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
  nanoseconds unknown_after{};  // so long without knowing is told
  nanoseconds stale_after{};    // without a reading for so long a tag is stale; 0: by each tag's max_silence
};

// What rules may name.
struct Surroundings {
  TagList tags;
  std::vector<std::string> captures{};  // stations and assets that a capture may start on
};

// Reads rules.yaml. Every mistake in the file is found in one pass and listed in the error's message, one line each,
// with file, line, key and, in expressions, the column: unknown keys and tags, units that don't fit, syntax, ranges,
// too many rules, rules that write what makes them read it. Errors: config_invalid, file_not_found, file_io,
// limit_reached (file above kFileBytesMax). Actions other than the alarm are checked, then refused: this version can't
// carry them out.
Result<std::vector<Rule>> load_rules(const std::filesystem::path& path, const Surroundings& surroundings);

// Whether the keys of a settings file are those of rules.
bool holds_rules(const std::filesystem::path& path);

}  // namespace lineside::rules
