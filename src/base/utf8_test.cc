#include "base/utf8.h"

#include <gtest/gtest.h>

namespace lineside {
namespace {

TEST(Printable, KeepsLettersOfEveryLanguage) {
  for (const char* text : {"", "Kessel 1", "Öfen/№7", "温度", "μ", "🏭", "a\xCC\x81"}) EXPECT_EQ(printable(text), text);
}

TEST(Printable, TakesOutWhatATerminalWouldObey) {
  EXPECT_EQ(printable("a\x1B[2Jb\r\n\tc\x7F"), "a?[2Jb???c?");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "?31m")
      << "C1's own way to begin a sequence";
  EXPECT_EQ(printable("\xE2\x80\xAE"
                      "evil\xE2\x81\xA6\xE2\x80\xA8"),
            "?evil??");
  EXPECT_EQ(printable(std::string_view("\0x", 2)), "?x");
}

TEST(Printable, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(printable("\xFF\xC3x\xE2\x82"), "??x??");
  EXPECT_EQ(printable("\xC0\xAF\xED\xA0\x80"), "?????") << "overlong, and half of a pair";
}

}  // namespace
}  // namespace lineside
