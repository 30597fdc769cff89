#pragma once
// The language of rules, docs/rules.md: text in, a checked tree out. Tags, units and types are checked here, so that
// what comes out can be evaluated without any further error.
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rules/lexer.h"
#include "rules/unit.h"

namespace lineside::rules {

using std::chrono::nanoseconds;

inline constexpr std::size_t kNodesMax = 500;  // of one expression
inline constexpr std::size_t kDepthMax = 50;   // of its brackets
inline constexpr nanoseconds kDelayMax = std::chrono::days{7};
inline constexpr nanoseconds kWindowMin = std::chrono::seconds{1}, kWindowMax = std::chrono::days{7};

// A tag that rules may read; Sample::tag is its place in the list.
struct TagInfo {
  std::string name;
  std::optional<std::string> unit;  // empty: it has none; not set: not known, it fits everything
  nanoseconds max_silence{0};       // without a reading for so long it is stale; 0: never
};

// Names to places. Keeps the list it was made of; thread-safe once made.
class TagList {
 public:
  explicit TagList(std::vector<TagInfo> tags);
  // For checks without the gateway's settings: every name is a tag whose unit is not known. Nothing can be evaluated.
  static TagList any();
  bool is_any() const { return any_; }
  TagList(TagList&&) = default;
  TagList& operator=(TagList&&) = default;
  const std::vector<TagInfo>& all() const { return tags_; }
  std::optional<std::size_t> find(std::string_view name) const;
  std::string nearest_to(std::string_view name) const;  // empty: none is near

 private:
  static constexpr std::size_t kSuggestedFromMax = 20'000;
  std::vector<TagInfo> tags_;
  std::unordered_map<std::string_view, std::size_t> places_;  // into tags_
  bool any_ = false;
};

enum class WindowKind : std::uint8_t { mean, min, max, rate, count };

struct WindowSpec {
  WindowKind kind = WindowKind::mean;
  std::size_t tag = 0;
  nanoseconds length{};
  friend bool operator==(const WindowSpec&, const WindowSpec&) = default;
};

enum class Op : std::uint8_t {
  number,  // value
  tag,     // place: that of TagList
  window,  // place: into Expression::windows
  negate,
  absolute,
  add,
  subtract,
  multiply,
  divide,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  unequal,
  truth,  // of a number: it is not 0
  logical_not,
  logical_and,
  logical_or,
};

struct Node {
  Op op = Op::number;
  double value = 0;
  std::size_t place = 0;
  std::size_t left = 0, right = 0;  // into Expression::nodes, before this node
};

struct Expression {
  std::vector<Node> nodes;
  std::size_t root = 0;              // into nodes
  std::vector<std::size_t> tags;     // read, also in windows; ascending, each once
  std::vector<WindowSpec> windows;   // each once
  std::optional<Unit> unit;          // of a number; not set: fits everything
  std::optional<Unit> compared;      // the unit of the sides of all its < <= > >=, where they have one and the same
  bool orders = false;               // has < <= > or >=
  bool mixed_units = false;          // they have several units
  bool order_in_equality = false;    // one of them is a side of == or !=
  std::optional<nanoseconds> delay;  // of `for 30 s` at its end
};

enum class Wanted : std::uint8_t {
  condition_with_delay,  // may end with `for DURATION`
  condition,
  number,
};

// Nothing if there is a mistake: then at least one was added. All that can be told of it at once is told.
std::optional<Expression> parse(std::string_view text, const TagList& tags, Wanted wanted,
                                std::vector<Mistake>& mistakes);

// "60", "-5 °C": a value of a tag in `unit`, in that unit. Not set: any unit.
std::optional<double> parse_quantity(std::string_view text, const std::optional<Unit>& unit,
                                     std::vector<Mistake>& mistakes);

// "2" or "2 K": a distance between values of `of`, in that unit.
std::optional<double> parse_distance(std::string_view text, const std::optional<Unit>& of,
                                     std::vector<Mistake>& mistakes);

}  // namespace lineside::rules
