#include <algorithm>
#include <array>
#include <cmath>
#include <format>

#include "rules/expression.h"

namespace lineside::rules {
namespace {

using Kind = Token::Kind;

constexpr std::array<std::string_view, 6> kKeywords{"and", "or", "not", "for", "true", "false"};
constexpr std::array<std::pair<std::string_view, WindowKind>, 5> kWindows{{{"mean", WindowKind::mean},
                                                                           {"min", WindowKind::min},
                                                                           {"max", WindowKind::max},
                                                                           {"rate", WindowKind::rate},
                                                                           {"count", WindowKind::count}}};
constexpr std::array<std::pair<std::string_view, Op>, 6> kComparisons{{{"<", Op::less},
                                                                       {"<=", Op::less_equal},
                                                                       {">", Op::greater},
                                                                       {">=", Op::greater_equal},
                                                                       {"==", Op::equal},
                                                                       {"!=", Op::unequal}}};

template <class Pairs>
auto value_of(const Pairs& pairs, std::string_view name) -> std::optional<decltype(pairs[0].second)> {
  for (const auto& [key, value] : pairs)
    if (key == name) return value;
  return std::nullopt;
}

// What a part of the text stands for.
struct Part {
  std::size_t node = 0, column = 1;
  bool condition = false;     // true or false; otherwise a number
  bool may_be_truth = false;  // a number that may also stand as a condition: a tag
  std::optional<Unit> unit;
};

class Parser {
 public:
  Parser(std::string_view text, const TagList& tags, std::vector<Mistake>& mistakes)
      : tags_(tags), mistakes_(mistakes), before_(mistakes.size()), tokens_(split(text, mistakes)) {}

  std::optional<Expression> whole(Wanted wanted) {
    if (mistakes_.size() > before_) return std::nullopt;
    if (now().kind == Kind::end) return refuse("is empty");
    Part root = disjunction();
    if (wanted == Wanted::number)
      root = as_number(root);
    else
      root = as_condition(root);
    if (!stopped_ && now().is("for")) delay(wanted);
    if (!stopped_ && now().kind != Kind::end) stop(now(), std::format("'{}' is not expected here", now().text));
    if (mistakes_.size() > before_) return std::nullopt;
    out_.root = root.node;
    out_.unit = root.unit;
    std::ranges::sort(out_.tags);
    const auto twice = std::ranges::unique(out_.tags);
    out_.tags.erase(twice.begin(), twice.end());
    return std::move(out_);
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void skip() { at_ += at_ + 1 < tokens_.size() ? 1 : 0; }
  bool take(std::string_view what) {
    if (stopped_ || !now().is(what)) return false;
    skip();
    return true;
  }

  std::optional<Expression> refuse(std::string message) {
    mistakes_.push_back({1, std::move(message)});
    return std::nullopt;
  }

  // The text can't be followed any further.
  Part stop(const Token& token, std::string message) {
    if (!stopped_) mistakes_.push_back({token.column, std::move(message)});
    stopped_ = true;
    return {.node = add({}), .column = token.column};
  }

  // What is wrong here leaves the rest understandable.
  void mistake(std::size_t column, std::string message) {
    if (!stopped_) mistakes_.push_back({column, std::move(message)});
  }

  std::size_t add(Node node) {
    if (out_.nodes.size() == kNodesMax) {
      if (!stopped_) mistakes_.push_back({now().column, std::format("has more than {} parts", kNodesMax)});
      stopped_ = true;
      return 0;
    }
    out_.nodes.push_back(node);
    return out_.nodes.size() - 1;
  }

  Part binary(Op op, const Part& left, const Part& right) {
    return {.node = add({.op = op, .left = left.node, .right = right.node}), .column = left.column};
  }

  Part condition_of(Part part) {
    part.condition = true, part.may_be_truth = false, part.unit.reset();
    return part;
  }

  Part disjunction() {
    Part left = conjunction();
    while (take("or")) left = condition_of(binary(Op::logical_or, as_condition(left), as_condition(conjunction())));
    return left;
  }

  Part conjunction() {
    Part left = negation();
    while (take("and")) left = condition_of(binary(Op::logical_and, as_condition(left), as_condition(negation())));
    return left;
  }

  Part negation() {
    const std::size_t column = now().column;
    std::size_t nots = 0;
    while (take("not")) ++nots;
    Part part = comparison();
    if (nots == 0) return part;
    part = as_condition(part);
    for (; nots > 0; --nots) part.node = add({.op = Op::logical_not, .left = part.node});
    part.column = column;
    return part;
  }

  Part comparison() {
    const std::size_t orderings = orderings_;
    Part left = sum();
    const auto op = stopped_ ? std::nullopt : value_of(kComparisons, now().text);
    if (!op || now().kind != Kind::symbol) return left;
    const Token sign = now();
    skip();
    Part right = sum();
    if (!stopped_ && now().kind == Kind::symbol && value_of(kComparisons, now().text))
      return stop(now(), "one comparison follows another; join two by `and`");
    const bool equality = *op == Op::equal || *op == Op::unequal;
    if (equality && (left.condition || right.condition)) {
      out_.order_in_equality |= orderings_ != orderings;
      return condition_of(binary(*op, as_condition(left), as_condition(right)));
    }
    left = as_number(left), right = as_number(right);
    align(left, right, sign.column);
    if (!equality) note_ordering(left.unit ? left.unit : right.unit);
    return condition_of(binary(*op, left, right));
  }

  void note_ordering(const std::optional<Unit>& unit) {
    if (!out_.orders) {
      out_.compared = unit;
    } else if (unit.has_value() != out_.compared.has_value() || (unit && fit(*unit, *out_.compared) != Fit::same)) {
      out_.mixed_units = true;
    }
    out_.orders = true;
    ++orderings_;
  }

  Part sum() {
    Part left = product();
    while (!stopped_ && (now().is("+") || now().is("-"))) {
      const Token sign = now();
      skip();
      left = as_number(left);
      Part right = as_number(product());
      align(left, right, sign.column);
      const std::optional<Unit> unit = left.unit ? left.unit : right.unit;
      const bool difference = sign.text == "-" && left.unit && right.unit;
      left = binary(sign.text == "+" ? Op::add : Op::subtract, left, right);
      left.unit = difference ? difference_of(*unit) : unit;
    }
    return left;
  }

  Part product() {
    Part left = sign();
    while (!stopped_ && (now().is("*") || now().is("/"))) {
      const bool divide = now().is("/");
      skip();
      left = as_number(left);
      Part right = as_number(sign());
      const bool left_plain = !left.unit || left.unit->name.empty(),
                 right_plain = !right.unit || right.unit->name.empty();
      std::optional<Unit> unit;
      if (right_plain)
        unit = left.unit;
      else if (left_plain && !divide)
        unit = right.unit;
      else if (divide && !left_plain && fit(*left.unit, *right.unit) == Fit::by_factor)
        scale(right, left.unit->factor, right.unit->factor);
      left = binary(divide ? Op::divide : Op::multiply, left, right);
      left.unit = unit;
    }
    return left;
  }

  Part sign() {
    const std::size_t column = now().column;
    bool negative = false;
    while (!stopped_ && (now().is("-") || now().is("+"))) {
      negative ^= now().is("-");
      skip();
    }
    Part part = primary();
    if (!negative) return part;
    Node& node = out_.nodes[part.node];
    if (node.op == Op::number && !part.condition) {
      node.value = -node.value;
      return part;
    }
    part = as_number(part);
    return {.node = add({.op = Op::negate, .left = part.node}), .column = column, .unit = part.unit};
  }

  Part primary() {
    if (stopped_) return {.node = add({})};
    const Token token = now();
    switch (token.kind) {
      case Kind::number:
        return number();
      case Kind::quoted:
        skip();
        return tag(token);
      case Kind::word:
        if (token.text == "true" || token.text == "false") {
          skip();
          return {.node = add({.op = Op::truth, .left = add({.value = token.text == "true" ? 1.0 : 0.0})}),
                  .column = token.column,
                  .condition = true};
        }
        if (std::ranges::contains(kKeywords, token.text)) break;
        skip();
        return now().is("(") ? function(token) : tag(token);
      case Kind::symbol:
        if (token.text == "(") return brackets();
        break;
      case Kind::end:
        return stop(token, "the expression ends where a tag or a number should follow");
    }
    return stop(token, std::format("a tag or a number should stand here, not '{}'", token.text));
  }

  Part brackets() {
    if (++depth_ > kDepthMax) return stop(now(), std::format("has brackets deeper than {}", kDepthMax));
    const Token open = now();
    skip();
    Part part = disjunction();
    if (!stopped_ && !take(")")) return stop(now(), std::format("the bracket of column {} is not closed", open.column));
    --depth_;
    part.column = open.column;
    return part;
  }

  Part number() {
    const Token token = now();
    skip();
    Part part{.node = add({.value = token.number}), .column = token.column};
    const bool percent = now().is("%");
    const bool word = now().kind == Kind::word && !std::ranges::contains(kKeywords, now().text);
    if (!percent && !word && now().kind != Kind::quoted) return part;
    part.unit = unit_of(now().text);
    if (!tags_.is_any() && !is_known_unit(now().text) && !is_unit_of_a_tag(now().text))
      mistake(now().column, std::format("there is no unit '{}'", now().text));
    skip();
    return part;
  }

  bool is_unit_of_a_tag(std::string_view unit) const {
    return !unit.empty() && std::ranges::contains(tags_.all(), unit, [](const TagInfo& tag) {
      return tag.unit ? std::string_view(*tag.unit) : std::string_view();
    });
  }

  Part tag(const Token& token) {
    const auto place = tags_.find(token.text);
    if (!place) {
      mistake(token.column, no_such_tag(token));
      return {.node = add({}), .column = token.column, .may_be_truth = true};
    }
    out_.tags.push_back(*place);
    const auto& unit = tags_.all()[*place].unit;
    return {.node = add({.op = Op::tag, .place = *place}),
            .column = token.column,
            .may_be_truth = true,
            .unit = unit ? std::optional(unit_of(*unit)) : std::nullopt};
  }

  std::string no_such_tag(const Token& token) const {
    const std::string meant = tags_.nearest_to(token.text);
    std::string message = std::format("there is no tag '{}'", token.text);
    if (!meant.empty()) return message + std::format("; did you mean {}?", meant);
    if (token.kind == Kind::word && token.text.find_first_of("-/") != std::string_view::npos)
      message += "; to subtract or divide, put blanks around - and /";
    return message;
  }

  Part function(const Token& name) {
    skip();  // the bracket
    if (++depth_ > kDepthMax) return stop(now(), std::format("has brackets deeper than {}", kDepthMax));
    Part part;
    if (name.text == "abs") {
      part = as_number(disjunction());
      part = {.node = add({.op = Op::absolute, .left = part.node}), .column = name.column, .unit = part.unit};
    } else if (const auto kind = value_of(kWindows, name.text)) {
      part = window(name, *kind);
    } else {
      return stop(name,
                  std::format("there is no function '{}'; there are mean, min, max, rate, count and abs", name.text));
    }
    if (!stopped_ && !take(")")) return stop(now(), std::format("the bracket of {}( is not closed", name.text));
    --depth_;
    return part;
  }

  Part window(const Token& name, WindowKind kind) {
    const Token token = now();
    if (token.kind != Kind::quoted && (token.kind != Kind::word || std::ranges::contains(kKeywords, token.text)))
      return stop(token, std::format("{}(TAG, 60 s) needs the name of a tag", name.text));
    skip();
    const Part read = tag(token);
    if (!take(",")) return stop(now(), std::format("a length should follow, as in {}(TAG, 60 s)", name.text));
    const auto length = duration(kWindowMin, kWindowMax);
    if (!length || out_.nodes[read.node].op != Op::tag) return {.node = read.node, .column = name.column};
    const WindowSpec spec{kind, out_.nodes[read.node].place, *length};
    const auto known = std::ranges::find(out_.windows, spec);
    const auto place = static_cast<std::size_t>(known - out_.windows.begin());
    if (known == out_.windows.end()) out_.windows.push_back(spec);
    out_.nodes[read.node] = {.op = Op::window, .place = place};
    Part part{.node = read.node, .column = name.column};
    if (kind != WindowKind::count)
      part.unit = kind == WindowKind::rate && read.unit ? per_second(*read.unit) : read.unit;
    return part;
  }

  // "30 s"; nothing if it is a mistake.
  std::optional<nanoseconds> duration(nanoseconds min, nanoseconds max) {
    const Token amount = now();
    if (stopped_ || amount.kind != Kind::number) {
      stop(amount, "a length of time should stand here, as 30 s");
      return std::nullopt;
    }
    skip();
    const auto factor = now().kind == Kind::word ? seconds_of(now().text) : std::nullopt;
    if (!factor) {
      stop(now(), "a length of time needs its unit: ms, s, min, h or d");
      return std::nullopt;
    }
    skip();
    const std::chrono::duration<double> seconds(amount.number * *factor);
    if (seconds < min || seconds > max) {
      mistake(amount.column, std::format("must be from {} to {}", std::chrono::duration<double>(min),
                                         std::chrono::duration<double>(max)));
      return std::nullopt;
    }
    return std::chrono::round<nanoseconds>(seconds);
  }

  void delay(Wanted wanted) {
    const Token token = now();
    skip();
    if (wanted != Wanted::condition_with_delay) {
      stop(token, "`for` belongs at the end of `when` only");
      return;
    }
    out_.delay = duration({}, kDelayMax);
  }

  Part as_condition(Part part) {
    if (part.condition) return part;
    const bool plain = !part.unit || part.unit->name.empty();
    if (part.may_be_truth && plain)
      part.node = add({.op = Op::truth, .left = part.node});
    else if (part.may_be_truth)
      mistake(part.column, std::format("this tag has the unit {}; compare it with something", part.unit->name));
    else
      mistake(part.column, "this is a number where a condition should stand; compare it with something");
    return condition_of(part);
  }

  Part as_number(Part part) {
    if (part.condition) mistake(part.column, "this is true or false where a number should stand");
    part.condition = part.may_be_truth = false;
    return part;
  }

  void scale(Part& part, double to_factor, double from_factor) {
    const std::size_t factor = add({.value = from_factor / to_factor});
    part.node = add({.op = Op::multiply, .left = part.node, .right = factor});
  }

  // Gives both sides the same unit, or says why that can't be.
  void align(Part& left, Part& right, std::size_t column) {
    if (!left.unit || !right.unit) return;
    switch (fit(*left.unit, *right.unit)) {
      case Fit::same:
        return;
      case Fit::by_factor:
        scale(right, left.unit->factor, right.unit->factor);
        right.unit = left.unit;
        return;
      case Fit::other_zero:
        mistake(column, other_zero(left, right));
        return;
      case Fit::none:
        break;
    }
    const auto named = [](const Unit& unit) { return unit.name.empty() ? std::string("no unit") : unit.name; };
    mistake(column, std::format("{} on the left does not fit {} on the right", named(*left.unit), named(*right.unit)));
  }

  std::string other_zero(const Part& left, const Part& right) const {
    std::string message = std::format("{} and {} begin at different zeros", left.unit->name, right.unit->name);
    const Node& node = out_.nodes[right.node];
    if (left.unit->offset == 0 && left.unit->factor == right.unit->factor)
      return message + std::format("; the left side is a difference, so write {} on the right", left.unit->name);
    if (node.op == Op::number)
      message += std::format("; {:.6g} {} are {:.6g} {}: write that", node.value, right.unit->name,
                             convert(node.value, *right.unit, *left.unit), left.unit->name);
    return message;
  }

  const TagList& tags_;
  std::vector<Mistake>& mistakes_;
  const std::size_t before_;
  const std::vector<Token> tokens_;
  std::size_t at_ = 0, depth_ = 0, orderings_ = 0;
  bool stopped_ = false;
  Expression out_;
};

}  // namespace

std::optional<Expression> parse(std::string_view text, const TagList& tags, Wanted wanted,
                                std::vector<Mistake>& mistakes) {
  return Parser(text, tags, mistakes).whole(wanted);
}

std::optional<double> parse_distance(std::string_view text, const std::optional<Unit>& of,
                                     std::vector<Mistake>& mistakes) {
  const std::size_t before = mistakes.size();
  const auto tokens = split(text, mistakes);
  if (mistakes.size() > before) return std::nullopt;
  const bool unit_like =
      tokens.size() < 3 || tokens[1].kind == Kind::word || tokens[1].kind == Kind::quoted || tokens[1].is("%");
  if (tokens[0].kind != Kind::number || tokens.size() > 3 || !unit_like) {
    mistakes.push_back({tokens[0].column, "must be a number, with or without a unit, as 2 K"});
    return std::nullopt;
  }
  if (tokens[1].kind == Kind::end) return tokens[0].number;
  const Unit unit = unit_of(tokens[1].text);
  const Unit wanted = of ? difference_of(*of) : unit;
  if (of && unit.dimension == wanted.dimension && (unit.offset == 0 || unit.factor == wanted.factor))
    return tokens[0].number * unit.factor / wanted.factor;  // 2 degC apart are 2 K
  if (!of) return tokens[0].number;
  mistakes.push_back({tokens[1].column, std::format("{} does not fit the comparison, which is in {}", unit.name,
                                                    of->name.empty() ? "no unit" : of->name)});
  return std::nullopt;
}

}  // namespace lineside::rules
