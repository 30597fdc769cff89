#include "base/json_text.h"

#include <gtest/gtest.h>

namespace lineside {
namespace {

TEST(JsonText, QuotesAndEscapesWhatJsonAsksFor) {
  EXPECT_EQ(json_text(""), "\"\"");
  EXPECT_EQ(json_text("caps@1"), "\"caps@1\"");
  EXPECT_EQ(json_text("a \"b\" \\c"), R"("a \"b\" \\c")");
  EXPECT_EQ(json_text(std::string_view("\n\t\0\x7F", 4)), "\"\\n\\u0009\\u0000\\u007f\"");
  EXPECT_EQ(json_text("Füllung"), "\"Füllung\"");
}

TEST(JsonText, AppendsToWhatIsThere) {
  std::string out = "{";
  append_json_text(out, "key");
  out += ':';
  append_json_escaped(out, "1\"");
  EXPECT_EQ(out, R"({"key":1\")");
}

}  // namespace
}  // namespace lineside
