#include "telemetry/filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <format>
#include <random>

#include "telemetry/planner.h"
#include "telemetry/text_codec.h"

namespace lineside::telemetry {
namespace {

Table table_of(std::string text) {
  auto table = Table::parse(std::move(text), "test.csv");
  EXPECT_TRUE(table.has_value()) << table.error().message;
  return std::move(*table);
}

std::string rebuilt(std::span<const std::uint8_t> segments) {
  std::string text;
  const auto done = rebuild(segments, "test.bin", [&](std::string_view piece) -> Result<void> {
    text += piece;
    return {};
  });
  EXPECT_TRUE(done.has_value()) << done.error().message;
  return text;
}

Filtered filtered(const Table& table, std::string_view max_error, const Table* span_from = nullptr) {
  auto result = filter(table, {.max_error = parse_max_error(max_error).value(), .span_from = span_from});
  EXPECT_TRUE(result.has_value()) << result.error().message;
  return result ? std::move(*result) : Filtered{};
}

// Filters, rebuilds, parses what came out and compares as a stranger would. Returns the bytes.
std::vector<std::uint8_t> check(const std::string& text, std::string_view max_error) {
  const Table before = table_of(text);
  const Filtered result = filtered(before, max_error);
  const Table after = table_of(rebuilt(result.bytes));
  EXPECT_EQ(after.style(), before.style());
  EXPECT_EQ(after.names(), before.names());
  EXPECT_EQ(after.rows(), before.rows());
  const bool comma = before.style().decimal_comma;
  for (std::size_t column = 0, reported = 0; column < before.columns(); ++column) {
    const bool has_report = reported < result.columns.size() && result.columns[reported].name == before.names()[column];
    const double bound = has_report ? result.columns[reported++].bound : 0;
    for (std::size_t row = 0; row < before.rows(); ++row) {
      EXPECT_EQ(after.width(row), before.width(row));
      const auto was = before.cell(row, column), is = after.cell(row, column);
      const auto number = read_number(was, comma);
      if (was == is) continue;
      const auto found = read_number(is, comma);
      if (!number || !found || !(std::abs(*found - *number) <= bound)) {
        ADD_FAILURE() << "row " << row << " column " << column << ": '" << was << "' became '" << is << "'";
        return result.bytes;
      }
    }
  }
  return result.bytes;
}

TEST(Filter, RebuildsWithinTheBound_RandomWalksNoiseStepsAndTexts) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return random() % n; };
    std::string text = "time,walk,noise,steps,grid,state,mixed\n";
    double walk = 0, level = 3;
    for (unsigned row = 0; row < 30 + 130 * seed; ++row) {
      walk += static_cast<double>(pick(2001)) / 1000.0 - 1;
      if (pick(100) == 0) level = pick(50);
      const std::string mixed = pick(30) == 0 ? (pick(2) == 0 ? "Bad" : "") : std::format("{:.3f}", walk * 2 + level);
      text += std::format("2026-01-{:02} {:02}:{:02}:{:02},{:.4f},{:.5f},{},{:.1f},{},{}\n", row / 86400 + 1,
                          row / 3600 % 24, row / 60 % 60, row % 60, walk, static_cast<double>(random()) / 1e9, level,
                          static_cast<double>(pick(40)) / 10, pick(20) == 0 ? "open" : "shut", mixed);
    }
    for (const std::string_view bound : {"5%", "1%", "0.01%", "0.5", "1e-7"}) check(text, bound);
  }
}

TEST(Filter, KeepsWhatIsOddInAFile) {
  for (const std::string_view text : {
           "",
           "\n",
           "a,b\n",
           "a,b\n1,2",
           "a,b\n1,2\n",
           "1,2\n3,4\n5,6\n",
           "a;b\n1,5;2,25\n2,5;3\n7,125;4\n",
           "a;b\r\n1,5;x\r\n2,5;y\r\n",
           "\xef\xbb\xbftime,v\n2020-01-01T00:00:00Z,1\n2020-01-01T00:00:01Z,5\n",
           "time,v\n10:14:33.5,1\n10:14:34.5,2\n\n10:14:36.5,9\n\n",
           "time,v,,\n59:59.9,1,,\n00:00.0,2,,\n00:00.1,3,,\n,,,\n",
           "a,b\n1\n1,2,3\n,\n4,5\n",
           "\"a,b\",\"c\"\"d\"\n1,\"x\ny\"\n2,\"z\"\n",
           "a,b\n 1.5 ,2\n+3,-0\n1e5,1E-3\n",
           "v\n1\ninf\n-inf\nnan\nNaN\n2\n\n",
           "v\n1e308\n-1e308\n0\n1e-308\n4.9e-324\n",
           "time,v\n1583748873,5\n1583748874,6\n1583748873,5\n1583748873,4\n",
           "t,v\n9999-12-31 23:59:58.123456789,1\n9999-12-31 23:59:59.123456789,2\n",
           "t,v\n2020/03/09 1:05,1\n2020/03/09 1:06,2\n2020/03/09 11:06,2.5\n",
           "t,v\n13.03.2020 01:05:00,1\n14.03.2020 01:05:00,2\n",
           "t,v\n3/9/2020 1:05,1\n3/9/2020 1:06,2\n",
           ",0,1\n0,5.5,6\n1,5.25,7\n2,5.75,9\n",
           "v\n0.1\n0.2\n9999999999999999999999999999\n0.3\n",
       })
    for (const std::string_view bound : {"5%", "0.001%", "0.3"}) {
      SCOPED_TRACE(text);
      check(std::string(text), bound);
    }
}

TEST(Filter, TellsOrdersOfDayAndMonthApart) {
  std::string text = "t,v\n";
  for (int day = 1; day <= 12; ++day) text += std::format("{:02}/03/2020 00:00,{}\n", day, day * day);
  const Table table = table_of(text);
  const auto planned = plan_table(table, {});
  ASSERT_TRUE(planned.has_value());
  EXPECT_EQ(planned->plan.columns[0].time.order, TimeFormat::Order::dmy);
  EXPECT_EQ(planned->columns[0].times[1] - planned->columns[0].times[0], 86'400);
}

TEST(Filter, HoldsTenThousandColumns) {
  std::string text;
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 10'000; ++column)
      text += std::format("{}{}", row == 0 ? std::format("tag{}", column) : std::to_string(row * column % 97),
                          column == 9'999 ? "\n" : ",");
  check(text, "5%");
}

TEST(Filter, KeepsLongHistoryOverBlocks_WhenADayHasManyRows) {
  std::string text = "time,a,b\n";
  for (int row = 0; row < 9'000; ++row) {
    const double phase = row * 6.283185307 / 1440;
    text += std::format("2026-01-{:02} {:02}:{:02}:00,{:.3f},{:.3f}\n", row / 1440 + 1, row / 60 % 24, row % 60,
                        std::sin(phase) * 20, std::cos(phase) * 3 + row % 3);
  }
  const auto bytes = check(text, "1%");
  EXPECT_LT(bytes.size(), 9'000U);
}

TEST(Filter, TakesSpansFromAnotherFile_ByName) {
  const Table train = table_of("b,a\n0,5\n10,5\n");
  const Table table = table_of("a,b,c\n1.234,100.5,7.5\n2.345,200.25,8.5\n");
  const Filtered result = filtered(table, "10%", &train);
  ASSERT_EQ(result.columns.size(), 3U);
  EXPECT_EQ(result.columns[0].method, "exact: span 0");
  EXPECT_DOUBLE_EQ(result.columns[1].bound, 1);
  EXPECT_EQ(result.columns[2].method, "exact: no span known");
  ASSERT_EQ(result.notes.size(), 2U);
  EXPECT_NE(result.notes[0].find("'c'"), std::string::npos);
  const Table after = table_of(rebuilt(result.bytes));
  EXPECT_EQ(after.cell(1, 0), "2.345");
  EXPECT_EQ(after.cell(0, 2), "7.5");
}

TEST(Filter, ReportsCountsAndErrors) {
  const Table table = table_of("time,a,s\n2020-01-01 00:00:00,1,x\n2020-01-01 00:00:01,2,y\n");
  const Filtered result = filtered(table, "5%");
  EXPECT_EQ(result.samples, 2U);
  EXPECT_EQ(result.bytes_in_json, std::string_view(R"({"time":"2020-01-01 00:00:00","a":1,"s":"x"})").size() * 2);
  ASSERT_EQ(result.columns.size(), 2U);
  EXPECT_LE(result.columns[0].max_error_ratio(), 1);
}

TEST(Filter, SaysWhenNoColumnHoldsTimes) {
  const Table table = table_of("t,v\n0.1,5\n0.2,6\n0.3,7\n");
  const Filtered result = filtered(table, "5%");
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_NE(result.notes[0].find("no time column found: column 't' is filtered like the others"), std::string::npos);
  EXPECT_NE(result.notes[0].find("--time-column"), std::string::npos);
  const auto named = telemetry::filter(table, {.time_column = "t"});
  ASSERT_TRUE(named);
  EXPECT_TRUE(named->notes.empty());
  EXPECT_TRUE(filtered(table_of("time,v\n2020-01-01 00:00:00,1\n2020-01-01 00:00:01,2\n"), "5%").notes.empty());
}

TEST(Filter, RefusesBoundsThatMeanNothing) {
  for (const std::string_view text : {"", "%", "0", "0%", "-1", "101%", "abc", "1%%", "inf", "nan"})
    EXPECT_FALSE(parse_max_error(text).has_value()) << text;
  const Table table = table_of("a\n1\n2\n");
  const auto result = filter(table, {.time_column = "when"});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::usage);
  EXPECT_NE(result.error().message.find("'when'"), std::string::npos);
}

// The proof must see what it is there for.
TEST(Filter, ProofFindsAViolation_WhenOneNumberOrTextIsAnother) {
  std::string text = "time,a,s\n";
  for (int row = 0; row < 3000; ++row)
    text += std::format("{},{},{}\n", 1'600'000'000 + row, std::sin(row * 0.1) * 10, row % 7 == 0 ? "on" : "off");
  const Table table = table_of(text);
  const Filtered result = filtered(table, "1%");
  auto planned = plan_table(table, {.max_error = parse_max_error("1%").value()}).value();
  ASSERT_TRUE(prove(result.bytes, planned.columns, planned.reports).has_value());
  const auto refused = [&](std::string_view place) {
    const auto proof = prove(result.bytes, planned.columns, planned.reports);
    return !proof && proof.error().code == ErrorCode::internal && proof.error().message.contains(place);
  };
  planned.columns[1].numbers[2000] += 2.1 * planned.reports[1].bound;
  EXPECT_TRUE(refused("row 2001 of column 'a'"));
  planned.columns[1].numbers[2000] -= 2.1 * planned.reports[1].bound;
  planned.columns[2].texts[1500] = "offf";
  EXPECT_TRUE(refused("row 1501 of column 's'"));
  planned.columns[0].times[10] += 1;
  EXPECT_TRUE(refused("row 11 of column 'time'"));
}

// Golden: the same bytes on every machine and build, or receivers would drift away from senders.
TEST(Filter, WritesTheSameBytesEverywhere) {
  std::string text = "time,a,b,c\n";
  std::uint32_t state = 1;
  for (int row = 0; row < 5000; ++row) {
    state = state * 1664525U + 1013904223U;
    const int a = static_cast<int>(state >> 24), b = row % 100 + a / 8;
    text += std::format("{},{}.{:02},{},{}\n", 1'600'000'000 + row, row / 50, a % 100, b, a / 64);
  }
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const std::uint8_t byte : filtered(table_of(text), "2%").bytes) hash = (hash ^ byte) * 1099511628211U;
  EXPECT_EQ(hash, 12485427997343289982U);
}

TEST(Table, RefusesWhatIsNoTable) {
  EXPECT_FALSE(Table::parse("a,b\n1,\"never closed\n", "x").has_value());
  EXPECT_FALSE(Table::parse(std::string(25'000, ','), "x").has_value());
  std::string ragged(5'000, ',');
  ragged += '\n';
  for (int i = 0; i < 50'000; ++i) ragged += "1\n";
  EXPECT_FALSE(Table::parse(ragged, "x").has_value());
}

TEST(Table, RefusesAFileThatIsNoText) {
  const auto refused = Table::parse(std::string("a,b\n1,\0\n", 8), "test.bin");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::file_format);
  EXPECT_NE(refused.error().message.find("byte 7 is zero"), std::string::npos) << refused.error().message;
}

TEST(Table, RefusesACellThatNoSegmentHolds_InsteadOfADefectWhenItIsProved) {
  const std::string most(kTextBytesMax, 'x');
  EXPECT_TRUE(Table::parse("a,b\n1,2\n" + most + ",3\n", "test.csv"));
  const auto refused = Table::parse("a,b\n1,2\n" + most + "x,3\n", "test.csv");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::limit_reached);
  EXPECT_NE(refused.error().message.find("row 3 has 1048577 bytes"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace lineside::telemetry
