#include "rules/formula.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <format>
#include <random>

namespace lineside::rules {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TagList four_tags() { return TagList({{"a", std::nullopt}, {"b", "bar"}, {"c/d.e-f", "mbar"}, {"on", ""}}); }

// What an expression means, told once more as simply as possible.
double meaning(const std::vector<Node>& nodes, std::size_t at, const std::array<double, 4>& values, double margin,
               int sign) {
  const Node& node = nodes[at];
  const auto left = [&] {
    return meaning(nodes, node.left, values, margin, node.op == Op::logical_not ? -sign : sign);
  };
  const auto right = [&] { return meaning(nodes, node.right, values, margin, sign); };
  const auto judged = [](double a, double b, bool result) {
    return std::isfinite(a) && std::isfinite(b) ? (result ? 1.0 : 0.0) : kNan;
  };
  const double a = node.op == Op::number || node.op == Op::tag || node.op == Op::window ? 0 : left();
  const double b = node.op >= Op::add && node.op != Op::truth && node.op != Op::logical_not ? right() : 0;
  switch (node.op) {
    case Op::number:
      return node.value;
    case Op::tag:
      return values[node.place];
    case Op::window:
      return kNan;
    case Op::negate:
      return 0 - a;
    case Op::absolute:
      return std::abs(a);
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      return a / b;
    case Op::less:
      return judged(a, b, a < b + sign * margin);
    case Op::less_equal:
      return judged(a, b, a <= b + sign * margin);
    case Op::greater:
      return judged(a, b, a > b - sign * margin);
    case Op::greater_equal:
      return judged(a, b, a >= b - sign * margin);
    case Op::equal:
      return judged(a, b, a == b);
    case Op::unequal:
      return judged(a, b, a != b);
    case Op::truth:
      return judged(a, 0, a != 0);
    case Op::logical_not:
      return judged(a, 0, a == 0);
    case Op::logical_and:
      return judged(a, b, a != 0 && b != 0);
    case Op::logical_or:
      return judged(a, b, a != 0 || b != 0);
  }
  return kNan;
}

class Writer {
 public:
  explicit Writer(std::mt19937& random) : random_(random) {}

  std::string condition(int depth) {
    switch (depth <= 0 ? random_() % 2 : random_() % 8) {
      case 0:
        return "on";
      case 1:
      case 2:
        return number(depth - 1) + pick({" < ", " <= ", " > ", ">=", " == ", "!="}) + number(depth - 1);
      case 3:
        return "not " + bracket(condition(depth - 1));
      case 4:
        return pick({"true", "false"});
      case 5:
        return bracket(condition(depth - 1)) + pick({" == ", " != "}) + bracket(condition(depth - 1));
      default:
        return bracket(condition(depth - 1)) + pick({" and ", " or "}) + bracket(condition(depth - 1));
    }
  }

  std::string number(int depth) {
    switch (depth <= 0 ? random_() % 4 : random_() % 7) {
      case 0:
        return pick({"a", "b", "c/d.e-f", "on", "'c/d.e-f'"});
      case 1:
        return std::format("{}", static_cast<int>(random_() % 20));
      case 2:
        return std::format("{:.3g}", static_cast<double>(random_()) / 1e6);
      case 3:
        return pick({"3 bar", "2500 mbar", "0", "1e300", "7 %", "80 degF"});
      case 4:
        return "abs(" + number(depth - 1) + ")";
      case 5:
        return "-" + bracket(number(depth - 1));
      default:
        return bracket(number(depth - 1)) + pick({" + ", " - ", " * ", " / "}) + bracket(number(depth - 1));
    }
  }

 private:
  std::string pick(std::initializer_list<const char*> choices) {
    return *(choices.begin() + random_() % choices.size());
  }
  static std::string bracket(const std::string& text) { return "(" + text + ")"; }
  std::mt19937& random_;
};

TEST(Formula, MeansWhatItsTreeSays_InTenThousandRandomExpressions) {
  std::mt19937 random(7);
  const TagList tags = four_tags();
  std::array<double, 4> values{};
  std::size_t taken = 0;
  for (int round = 0; round < 10'000; ++round) {
    std::vector<Mistake> mistakes;
    const std::string text = Writer(random).condition(static_cast<int>(random() % 5));
    const auto expression = parse(text, tags, Wanted::condition, mistakes);
    ASSERT_EQ(expression.has_value(), mistakes.empty());
    if (!expression) continue;
    ++taken;
    const double margin = random() % 2 == 0 ? 0 : 1.5;
    const auto formula = Formula::create(*expression, [&](const Node& node) { return &values[node.place]; }, margin);
    ASSERT_TRUE(formula) << text << ": " << formula.error().message;
    for (int tries = 0; tries < 4; ++tries) {
      for (double& value : values) value = static_cast<double>(random() % 7) - 2;
      if (tries == 3) values[random() % 4] = random() % 2 == 0 ? kNan : std::numeric_limits<double>::infinity();
      const double wanted = meaning(expression->nodes, expression->root, values, margin, 1);
      const double found = formula->evaluate();
      EXPECT_TRUE(found == wanted || (std::isnan(found) && std::isnan(wanted)))
          << text << ": " << found << " instead of " << wanted;
    }
  }
  EXPECT_GT(taken, 2000U);
}

TEST(Formula, TextsDamagedAtRandomAreTakenOrRefused) {
  std::mt19937 random(11);
  const TagList tags = four_tags();
  double value = 1;
  for (int round = 0; round < 10'000; ++round) {
    std::string text = Writer(random).condition(3);
    for (unsigned changes = 1 + random() % 3; changes > 0 && !text.empty(); --changes) {
      const std::size_t at = random() % text.size();
      if (random() % 2 == 0)
        text[at] = static_cast<char>(random());
      else
        text.insert(at, 1, "()<>=!.,-+*/'\" for9e"[random() % 19]);
    }
    std::vector<Mistake> mistakes;
    const auto expression = parse(text, tags, Wanted::condition_with_delay, mistakes);
    ASSERT_EQ(expression.has_value(), mistakes.empty());
    if (expression) {
      ASSERT_TRUE(Formula::create(*expression, [&](const Node&) { return &value; })) << text;
    }
  }
}

double evaluated(std::string_view text, double value, double margin = 0) {
  const TagList tags = four_tags();
  std::vector<Mistake> mistakes;
  const auto expression = parse(text, tags, Wanted::condition, mistakes);
  if (!expression) return -1;
  return Formula::create(*expression, [&](const Node&) { return &value; }, margin)->evaluate();
}

TEST(Formula, AMarginMakesComparisonsEasierToBeTrue) {
  EXPECT_EQ(evaluated("a > 80", 79, 0), 0);
  EXPECT_EQ(evaluated("a > 80", 79, 2), 1);
  EXPECT_EQ(evaluated("a > 80", 78, 2), 0);
  EXPECT_EQ(evaluated("a < 10", 11, 2), 1);
  EXPECT_EQ(evaluated("not a > 80", 81, 2), 1);
  EXPECT_EQ(evaluated("not a > 80", 83, 2), 0);
  EXPECT_EQ(evaluated("a == 80", 79, 2), 0);
}

TEST(Formula, WhatCantBeSaidIsNoNumber) {
  EXPECT_TRUE(std::isnan(evaluated("1 / a > 3", 0)));
  EXPECT_TRUE(std::isnan(evaluated("a * 1e300 * 1e300 > 3", 1)));
  EXPECT_TRUE(std::isnan(evaluated("a > 3 or on", kNan)));
  EXPECT_TRUE(std::isnan(evaluated("not on", kNan)));
}

}  // namespace
}  // namespace lineside::rules
