#include "telemetry/segments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <format>
#include <random>

#include "telemetry/filter.h"

namespace lineside::telemetry {
namespace {

std::vector<std::uint8_t> some_segments() {
  std::string text = "time,a,state\n";
  for (int row = 0; row < 5000; ++row)
    text +=
        std::format("{},{:.3f},{}\n", 1'600'000'000 + row, std::sin(row * 0.01) * 10, row % 900 == 0 ? "Bad" : "Good");
  const auto table = Table::parse(std::move(text), "x");
  return filter(*table, {}).value().bytes;
}

Result<void> read_all(std::span<const std::uint8_t> bytes) {
  return rebuild(bytes, "it.bin", [](std::string_view) { return Result<void>(); });
}

TEST(Segments, RefusesEveryCutAndEveryChangedByte) {
  const auto whole = some_segments();
  ASSERT_TRUE(read_all(whole).has_value());
  for (std::size_t size = 0; size < whole.size(); size += 1 + size / 20) {
    const auto result = read_all(std::span(whole).first(size));
    ASSERT_FALSE(result.has_value()) << size;
    EXPECT_EQ(result.error().code, ErrorCode::file_format);
    EXPECT_NE(result.error().message.find("it.bin"), std::string::npos);
  }
  for (std::size_t at = 0; at < whole.size(); at += 1 + at / 50) {
    auto damaged = whole;
    damaged[at] ^= 0x10;
    EXPECT_FALSE(read_all(damaged).has_value()) << at;
  }
  auto longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(read_all(longer).has_value());
}

TEST(Segments, SaysWhichVersionItIs_WhenItIsAnother) {
  auto bytes = some_segments();
  bytes[3] = 9;
  const auto result = read_all(bytes);
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message.find("version 9"), std::string::npos);
}

TEST(Plan, TakesNoSizesThatCantBe) {
  Plan plan;
  plan.rows = ~std::uint64_t{0};
  plan.columns.resize(3);
  EXPECT_TRUE(decode_plan(encode_plan(plan)).has_value());
  plan.period = kPeriodMax + 1;
  EXPECT_FALSE(decode_plan(encode_plan(plan)).has_value());
  plan.period = 0;
  plan.columns.resize(2);
  plan.columns[0].kind = plan.columns[1].kind = Kind::number;
  plan.columns[0].bound = plan.columns[1].bound = round_bound(0.1);
  plan.columns[1].quantiser.helpers = {0};
  EXPECT_TRUE(decode_plan(encode_plan(plan)).has_value());
  plan.columns[1].quantiser.helpers = {1};
  EXPECT_FALSE(decode_plan(encode_plan(plan)).has_value());
}

TEST(Plan, ComesBackAsItWas) {
  Plan plan{.style = {.delimiter = ';', .crlf = true, .decimal_comma = true}, .rows = 12'345, .period = 288};
  plan.columns.resize(4);
  plan.columns[0] = {.name = "Zeit \"1\"", .kind = Kind::time};
  plan.columns[0].time = {.order = TimeFormat::Order::dmy, .date_separator = '.', .digits = 3, .suffix = "+01:00"};
  plan.columns[1] = {.name = "", .kind = Kind::number, .bound = round_bound(0.123)};
  plan.columns[2] = {.name = "x", .kind = Kind::number, .bound = round_bound(1e-20)};
  plan.columns[2].quantiser = {.grid = 3e-21, .grid_start = 1.5e-21, .helpers = {1}};
  plan.columns[2].grid_count = 5;
  plan.columns[3] = {.name = "state"};
  for (auto& column : plan.columns) column.finish();
  const Plan found = decode_plan(encode_plan(plan)).value();
  EXPECT_EQ(found.style, plan.style);
  EXPECT_EQ(found.rows, plan.rows);
  EXPECT_EQ(found.period, plan.period);
  ASSERT_EQ(found.columns.size(), plan.columns.size());
  for (std::size_t i = 0; i < found.columns.size(); ++i) {
    EXPECT_EQ(found.columns[i].name, plan.columns[i].name);
    EXPECT_EQ(found.columns[i].kind, plan.columns[i].kind);
    EXPECT_EQ(found.columns[i].time, plan.columns[i].time);
  }
  EXPECT_EQ(found.columns[1].bound, plan.columns[1].bound);
  EXPECT_EQ(found.columns[2].quantiser.step, 5 * 3e-21);
  EXPECT_EQ(found.columns[2].quantiser.grid_start, 1.5e-21);
  EXPECT_EQ(found.columns[2].quantiser.helpers, plan.columns[2].quantiser.helpers);
}

TEST(Plan, PrintsWhatItCountsWith) {
  std::mt19937_64 random(1);
  std::array<char, 40> buffer;
  for (int i = 0; i < 20'000; ++i) {
    const double value =
        std::ldexp(static_cast<double>(static_cast<std::int64_t>(random())), static_cast<int>(random() % 120) - 120);
    const int decimals = static_cast<int>(random() % 19);
    const auto text = print_number(value, decimals, buffer);
    EXPECT_EQ(read_number(text, false), printed_number(value, decimals)) << text;
  }
}

TEST(BitCoder, IsReadToItsEnd_WhenAllThatWasExpectedCame) {
  for (int decisions = 1; decisions < 200'000; decisions = decisions * 3 / 2 + 1) {
    BitEncoder encoder;
    for (int i = 0; i < decisions; ++i) encoder.encode(true, 65'000);  // its bytes are zeros
    const auto bytes = encoder.finish();
    BitDecoder decoder(bytes);
    for (int i = 0; i < decisions; ++i) ASSERT_TRUE(decoder.decode(65'000));
    EXPECT_FALSE(decoder.beyond_end()) << decisions;
  }
}

TEST(BlockCodec, GoesOnWithWhatItLearned_BlockByBlock) {
  Plan plan;
  plan.columns.resize(1);
  plan.columns[0] = {.name = "a", .kind = Kind::number, .bound = round_bound(0.05)};
  plan.columns[0].finish();
  BlockCodec sender(plan), receiver(plan);
  std::size_t first = 0, last = 0;
  for (int block = 0; block < 20; ++block) {
    std::vector<Cells> cells(1);
    for (int row = 0; row < 100; ++row) cells[0].numbers.push_back(std::sin((block * 100 + row) * 0.05) * 3);
    const auto bytes = sender.encode(cells, 100);
    (block == 0 ? first : last) = bytes.size();
    const auto found = receiver.decode(bytes, 100).value();
    for (std::size_t row = 0; row < 100; ++row) ASSERT_NEAR(found[0].numbers[row], cells[0].numbers[row], 0.05);
  }
  EXPECT_LT(last, first);
}

TEST(BlockCodec, FuzzedBytesNeverBreakIt) {
  Plan plan;
  plan.columns = {{.name = "t", .kind = Kind::time}, {.name = "s"}, {.name = "a", .kind = Kind::number, .bound = 1}};
  for (auto& column : plan.columns) column.finish();
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    std::vector<std::uint8_t> bytes(random() % 300);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    BlockCodec receiver(plan);
    const auto cells = receiver.decode(bytes, 200);
    if (!cells) continue;
    for (const double x : (*cells)[2].numbers) EXPECT_FALSE(std::isinf(x));
  }
}

}  // namespace
}  // namespace lineside::telemetry
