#include "base/number_text.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace lineside {
namespace {

TEST(ParseNumber, TakesOneWholeFiniteNumber) {
  EXPECT_EQ(parse_number<double>("-1.5e3"), -1500);
  EXPECT_EQ(parse_number<double>("+.5"), 0.5);
  EXPECT_EQ(parse_number<std::int64_t>("+9223372036854775807"), INT64_MAX);
  for (const char* text : {"", "+", "-", "+-5", "--5", " 5", "5 ", "5,0", "0x10", "nan", "inf", "-inf", "1e999", "5V"})
    EXPECT_EQ(parse_number<double>(text), std::nullopt) << text;
  for (const char* text : {"1.5", "9223372036854775808", "1e3"})
    EXPECT_EQ(parse_number<std::int64_t>(text), std::nullopt) << text;
}

}  // namespace
}  // namespace lineside
