#include "audit/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <format>
#include <fstream>
#include <vector>

#include "base/test_folder.h"

namespace lineside::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLog open() {
    found_.clear();
    return AuditLog::open(log_, [this](const Line& line) { found_.emplace_back(line.entry); }).value();
  }
  void fill(int lines) {
    AuditLog log = open();
    for (int i = 1; i <= lines; ++i) ASSERT_TRUE(log.append(std::format(R"({{"i":{}}})", i)));
  }
  fs::path file() const { return log_ / "audit-000000000001.jsonl"; }
  std::string content() const { return read_text(file()).value(); }
  void put(const std::string& text) { std::ofstream(file(), std::ios::trunc) << text; }

  TestFolder folder_;
  fs::path log_ = folder_ / "audit";
  std::vector<std::string> found_;
};

TEST_F(AuditLogTest, GoesOnWhereItWas) {
  fill(2);
  AuditLog log = open();
  EXPECT_THAT(found_, ElementsAre(R"({"i":1})", R"({"i":2})"));
  EXPECT_EQ(log.head().number, 2U);
  const auto third = log.append("{}");
  ASSERT_TRUE(third);
  EXPECT_EQ(third->number, 3U);
  EXPECT_EQ(verify(log_, {}).value(), *third);
  EXPECT_EQ(verify(folder_ / "none", {}).value(), Head{});
}

TEST_F(AuditLogTest, FindsEveryByteThatWasChanged) {
  fill(3);
  const std::string good = content();
  for (std::size_t i = 0; i + 1 < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    put(bad);
    const auto verified = verify(log_, {});
    // The line feed of the last line apart: without it the line is unfinished.
    ASSERT_FALSE(verified) << i << ": " << bad;
    EXPECT_EQ(verified.error().code, ErrorCode::file_format);
  }
  put(good);
  EXPECT_TRUE(verify(log_, {}));
}

TEST_F(AuditLogTest, FindsLinesThatWereLeftOut_MovedOrRepeated) {
  fill(3);
  const std::string good = content();
  const std::size_t one = good.find('\n') + 1, two = good.find('\n', one) + 1;
  const std::string a = good.substr(0, one), b = good.substr(one, two - one), c = good.substr(two);
  for (const std::string& bad : {b + c, a + c, a + c + b, b + a + c, a + a + b + c, a + b + b + c}) {
    put(bad);
    EXPECT_FALSE(verify(log_, {})) << bad;
    EXPECT_THAT(verify(log_, {}).error().message, HasSubstr("jsonl"));
  }
}

// What no chain can show by itself: that the newest lines are gone, or others took their place. A head that somebody
// else has does.
TEST_F(AuditLogTest, ACutOffEndShowsAgainstAHeadThatWasKept) {
  fill(3);
  const Head kept = verify(log_, {}).value();
  const std::string good = content();
  put(good.substr(0, good.find('\n', good.find('\n') + 1) + 1));
  EXPECT_EQ(verify(log_, {})->number, 2U);
  ASSERT_TRUE(open().append(R"({"i":4})"));
  const Head other = verify(log_, {}).value();
  EXPECT_EQ(other.number, kept.number);
  EXPECT_NE(to_string(other), to_string(kept));
}

TEST_F(AuditLogTest, CutsOffAnUnfinishedLine_AndGoesOn) {
  fill(2);
  const std::string good = content();
  std::uint64_t torn = 0;
  for (std::size_t cut = 1; cut < good.size() - good.find('\n') - 1; ++cut) {
    put(good.substr(0, good.size() - cut));
    ASSERT_TRUE(verify(log_, {}, &torn)) << cut;
    EXPECT_GT(torn, 0U);
    AuditLog log = open();
    EXPECT_EQ(log.head().number, 1U);
    ASSERT_TRUE(log.append("{}"));
    EXPECT_EQ(verify(log_, {}, &torn)->number, 2U);
    EXPECT_EQ(torn, 0U);
  }
  put(good.substr(0, 20));  // the first line of all
  ASSERT_TRUE(open().append("{}"));
  EXPECT_EQ(verify(log_, {})->number, 1U);
}

TEST_F(AuditLogTest, BeginsAnotherFile_AndMissesNone) {
  const std::string entry = std::format(R"({{"text":"{}"}})", std::string(16'000, 'x'));
  const int lines = static_cast<int>(AuditLog::kFileBytes / entry.size()) + 5;
  {
    AuditLog log = open();
    for (int i = 0; i < lines; ++i) ASSERT_TRUE(log.append(entry));
  }
  ASSERT_TRUE(open().append("{}"));
  EXPECT_EQ(verify(log_, {})->number, static_cast<std::uint64_t>(lines) + 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(log_), fs::directory_iterator()), 2);
  fs::remove(file());
  EXPECT_THAT(verify(log_, {}).error().message, HasSubstr("the file that begins with line 1 is missing"));
}

TEST_F(AuditLogTest, SaysThatItCantKeepALine_AndHasNoneThatWasNotWhole) {
  AuditLog log = open();
  ASSERT_TRUE(log.append("{}"));
  EXPECT_EQ(log.append("{\n}").error().code, ErrorCode::usage);
  EXPECT_EQ(log.append(std::string(kEntryBytesMax + 1, 'x')).error().code, ErrorCode::limit_reached);
  for (std::uint64_t nth = 0;; ++nth) {
    FaultPlan plan(nth, ENOSPC);
    const auto done = log.append("{}");
    if (done) break;
    ASSERT_LT(nth, 10U);
  }
  EXPECT_EQ(verify(log_, {}).value(), log.head());
  fs::remove(file());
  EXPECT_THAT(log.append("{}").error().message, HasSubstr("was deleted or replaced"));
}

}  // namespace
}  // namespace lineside::audit
