#include "rules/expression.h"

#include <gtest/gtest.h>

#include <format>

#include "rules/unit.h"

namespace lineside::rules {
namespace {

using namespace std::chrono_literals;

TagList plant() {
  return TagList({{"boiler/feed/temperature", "°C", 60s},
                  {"ambient", "degC", 0s},
                  {"oven.zone-1", "degF", 0s},
                  {"pump.running", "", 0s},
                  {"line/pressure", "bar", 0s},
                  {"tank/pressure", "mbar", 0s},
                  {"speed", "1/min", 0s},
                  {"Temp (C)", std::nullopt, 0s},
                  {"flow", std::nullopt, 0s},
                  {"caps", "caps/h", 0s}});
}

std::string mistakes_of(std::string_view text, Wanted wanted = Wanted::condition_with_delay) {
  const TagList tags = plant();
  std::vector<Mistake> mistakes;
  const auto parsed = parse(text, tags, wanted, mistakes);
  EXPECT_EQ(parsed.has_value(), mistakes.empty()) << text;
  std::string out;
  for (const Mistake& mistake : mistakes) out += std::format("{}: {}\n", mistake.column, mistake.message);
  return out;
}

Expression parsed(std::string_view text, Wanted wanted = Wanted::condition_with_delay) {
  const TagList tags = plant();
  std::vector<Mistake> mistakes;
  auto expression = parse(text, tags, wanted, mistakes);
  EXPECT_TRUE(expression) << text << ": " << (mistakes.empty() ? "" : mistakes[0].message);
  return expression.value_or(Expression{});
}

TEST(Expression, TakesWhatTheLanguageHas) {
  for (const char* text : {"boiler/feed/temperature > 80 and pump.running for 30 s",
                           "pump.running",
                           "not pump.running",
                           "flow > 3",
                           "flow > 3.5 l/min",
                           "'Temp (C)' >= -2e1 °C",
                           "\"Temp (C)\" != 0",
                           "mean(boiler/feed/temperature, 60 s) > 80 °C",
                           "rate(boiler/feed/temperature, 5 min) > 0.5 K/min",
                           "count(pump.running, 1 h) > 10",
                           "max(flow, 1 d) - min(flow, 1 d) < 3",
                           "boiler/feed/temperature - ambient > 5 K",
                           "(boiler/feed/temperature + ambient) / 2 > 30 degC",
                           "abs(flow - 3) > 1 or not (pump.running and flow < 2)",
                           "pump.running == true",
                           "(flow > 3) != pump.running",
                           "line/pressure > 300 kPa",
                           "speed > 3000 rpm",
                           "- - flow < + 3",
                           "line/pressure / tank/pressure > 2",
                           "caps > 100 'caps/h'",
                           "flow * speed > 7 for 250ms"})
    EXPECT_EQ(mistakes_of(text), "") << text;
  const Expression first = parsed("boiler/feed/temperature > 80 and pump.running for 30 s");
  EXPECT_EQ(first.delay, 30s);
  EXPECT_EQ(first.tags, (std::vector<std::size_t>{0, 3}));
  EXPECT_EQ(parsed("mean(flow, 1 min) > 1 and mean(flow, 60 s) < 9").windows.size(), 1U);
}

TEST(Expression, SaysWhereASyntaxErrorIs) {
  EXPECT_EQ(mistakes_of(""), "1: is empty\n");
  EXPECT_EQ(mistakes_of("flow >"), "7: the expression ends where a tag or a number should follow\n");
  EXPECT_EQ(mistakes_of("flow > 3 and and"), "14: a tag or a number should stand here, not 'and'\n");
  EXPECT_EQ(mistakes_of("(flow > 3"), "10: the bracket of column 1 is not closed\n");
  EXPECT_EQ(mistakes_of("flow > 3)"), "9: ')' is not expected here\n");
  EXPECT_EQ(mistakes_of("flow > 3 && pump.running"), "10: there is no '&&' here; write `and`\n");
  EXPECT_EQ(mistakes_of("flow = 3"), "6: there is no '=' here; write `==`\n");
  EXPECT_EQ(mistakes_of("1 < flow < 3"), "10: one comparison follows another; join two by `and`\n");
  EXPECT_EQ(mistakes_of("flow ; 3"), "6: ';' means nothing here\n");
  EXPECT_EQ(mistakes_of("flow > 1e999"), "8: this number is too large or too small\n");
  EXPECT_EQ(mistakes_of("'flow > 1"), "1: this quote never ends\n");
  EXPECT_EQ(mistakes_of("median(flow, 3 s) > 1"),
            "1: there is no function 'median'; there are mean, min, max, rate, count and abs\n");
  EXPECT_EQ(mistakes_of("mean(3, 3 s) > 1"), "6: mean(TAG, 60 s) needs the name of a tag\n");
  EXPECT_EQ(mistakes_of("mean(flow) > 1"), "10: a length should follow, as in mean(TAG, 60 s)\n");
  EXPECT_EQ(mistakes_of("mean(flow, 30) > 1"), "14: a length of time needs its unit: ms, s, min, h or d\n");
  EXPECT_EQ(mistakes_of("flow > 3 for"), "13: a length of time should stand here, as 30 s\n");
  EXPECT_EQ(mistakes_of("flow > 3 for 1 s", Wanted::condition), "10: `for` belongs at the end of `when` only\n");
}

TEST(Expression, SaysAllThatIsWrongAtOnce) {
  EXPECT_EQ(mistakes_of("flo > 3 and pump.runing and line/pressure > 2 degC"),
            "1: there is no tag 'flo'; did you mean flow?\n"
            "13: there is no tag 'pump.runing'; did you mean pump.running?\n"
            "43: bar on the left does not fit degC on the right\n");
  EXPECT_EQ(mistakes_of("somewhere/else-where > 3"),
            "1: there is no tag 'somewhere/else-where'; to subtract or divide, put blanks around - and /\n");
}

TEST(Expression, RefusesUnitsThatDontFit) {
  EXPECT_EQ(mistakes_of("ambient > 80 degF"),
            "9: degC and degF begin at different zeros; 80 degF are 26.6667 degC: write that\n");
  EXPECT_EQ(mistakes_of("ambient > oven.zone-1"), "9: degC and degF begin at different zeros\n");
  EXPECT_EQ(mistakes_of("boiler/feed/temperature - ambient > 5 °C"),
            "35: K and °C begin at different zeros; the left side is a difference, so write K on the right\n");
  EXPECT_EQ(mistakes_of("ambient + line/pressure > 3"), "9: degC on the left does not fit bar on the right\n");
  EXPECT_EQ(mistakes_of("pump.running > 3 bar"), "14: no unit on the left does not fit bar on the right\n");
  EXPECT_EQ(mistakes_of("ambient > 3 bananas"),
            "13: there is no unit 'bananas'\n9: degC on the left does not fit bananas on the right\n");
  EXPECT_EQ(mistakes_of("rate(ambient, 1 min) > 1 bar/s"), "22: K/s on the left does not fit bar/s on the right\n");
}

TEST(Expression, KeepsNumbersAndConditionsApart) {
  EXPECT_EQ(mistakes_of("flow + 3"), "1: this is a number where a condition should stand; compare it with something\n");
  EXPECT_EQ(mistakes_of("ambient and pump.running"), "1: this tag has the unit degC; compare it with something\n");
  EXPECT_EQ(mistakes_of("(flow > 3) + 1 > 2"), "1: this is true or false where a number should stand\n");
  EXPECT_EQ(mistakes_of("mean(flow, 3 s)"),
            "1: this is a number where a condition should stand; compare it with something\n");
  EXPECT_EQ(mistakes_of("flow > 3", Wanted::number), "1: this is true or false where a number should stand\n");
}

TEST(Expression, BoundsLengthsDepthAndTimes) {
  EXPECT_EQ(mistakes_of("flow > 3 for 8 d"), "14: must be from 0s to 604800s\n");
  EXPECT_EQ(mistakes_of("mean(flow, 10 ms) > 3"), "12: must be from 1s to 604800s\n");
  EXPECT_EQ(mistakes_of(std::string(5000, ' ')), "1: is 5000 bytes long; 4000 are the most\n");
  EXPECT_EQ(mistakes_of(std::format("{:(>60}flow > 3{:)>60}", "", "")), "51: has brackets deeper than 50\n");
  EXPECT_EQ(mistakes_of(std::format("{:(>40}flow > 3{:)>40}", "", "")), "");
  std::string many = "flow";
  for (int i = 0; i < 300; ++i) many += " + flow";
  EXPECT_NE(mistakes_of(many + " > 3").find("has more than 500 parts"), std::string::npos);
  std::string tokens = "flow";
  for (int i = 0; i < 999; ++i) tokens += "-(";
  EXPECT_NE(mistakes_of(tokens), "");
}

TEST(Expression, UnderstandsDistances) {
  std::vector<Mistake> mistakes;
  EXPECT_EQ(parse_distance("2", unit_of("degC"), mistakes), 2);
  EXPECT_EQ(parse_distance("2 K", unit_of("°C"), mistakes), 2);
  EXPECT_EQ(parse_distance("2 degC", unit_of("°C"), mistakes), 2);
  EXPECT_EQ(parse_distance("200 mbar", unit_of("bar"), mistakes), 0.2);
  EXPECT_TRUE(mistakes.empty());
  EXPECT_FALSE(parse_distance("2 bar", unit_of("degC"), mistakes));
  EXPECT_FALSE(parse_distance("2 degF", unit_of("degC"), mistakes));
  EXPECT_FALSE(parse_distance("lots", unit_of("degC"), mistakes));
  EXPECT_FALSE(parse_distance("", unit_of("degC"), mistakes));
  EXPECT_EQ(mistakes.size(), 4U);
}

TEST(Unit, ConvertsWithinADimension) {
  EXPECT_DOUBLE_EQ(convert(212, unit_of("degF"), unit_of("degC")), 100);
  EXPECT_DOUBLE_EQ(convert(0, unit_of("°C"), unit_of("K")), 273.15);
  EXPECT_DOUBLE_EQ(convert(2, unit_of("bar"), unit_of("kPa")), 200);
  EXPECT_EQ(fit(unit_of("l/min"), unit_of("m3/h")), Fit::by_factor);
  EXPECT_EQ(fit(unit_of("1/min"), unit_of("rpm")), Fit::same);
  EXPECT_EQ(fit(unit_of("caps"), unit_of("caps")), Fit::same);
  EXPECT_EQ(fit(unit_of("caps"), unit_of("Caps")), Fit::none);
  EXPECT_EQ(difference_of(unit_of("°C")).name, "K");
}

}  // namespace
}  // namespace lineside::rules
