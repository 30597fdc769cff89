#include "bundle/counter_record.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_folder.h"

namespace lineside::bundle {
namespace {

class CounterRecordTest : public ::testing::Test {
 protected:
  static ErrorCode code_of(const Result<void>& result) { return result ? ErrorCode::internal : result.error().code; }
  TestFolder folder_;
  const fs::path file_ = folder_.path() / "cap.counter";
};

TEST_F(CounterRecordTest, RefusesAnOlderCounter_AlsoAfterARestart) {
  ASSERT_TRUE(CounterRecord(file_).note("caps", 5));
  const CounterRecord after(file_);
  EXPECT_EQ(code_of(after.check("caps", 4)), ErrorCode::bundle_rollback);
  EXPECT_TRUE(after.check("caps", 5));
  EXPECT_TRUE(after.check("caps", 6));
  EXPECT_EQ(after.highest("caps").value_or(99), 5U);
  EXPECT_EQ(after.highest("another").value_or(99), 0U);
}

TEST_F(CounterRecordTest, LetsTheOldModelBack_WhenTheNewOneWasOnlyLookedAt) {
  CounterRecord record(file_);
  ASSERT_TRUE(record.note("caps", 5));
  ASSERT_TRUE(record.check("caps", 6));  // ... and then it could not be loaded
  EXPECT_TRUE(record.check("caps", 5));
}

TEST_F(CounterRecordTest, RemembersEachName_WhenAnotherModelHasRunInBetween) {
  CounterRecord record(file_);
  ASSERT_TRUE(record.note("caps", 5));
  ASSERT_TRUE(record.note("labels", 1));
  EXPECT_EQ(code_of(record.note("caps", 4)), ErrorCode::bundle_rollback);
  EXPECT_EQ(code_of(record.check("labels", 0)), ErrorCode::bundle_rollback);
}

TEST_F(CounterRecordTest, ADamagedRecordLetsNothingIn) {
  ASSERT_TRUE(write_atomically(file_, std::string_view("caps x")));
  CounterRecord record(file_);
  EXPECT_EQ(code_of(record.check("caps", 9)), ErrorCode::file_format);
  EXPECT_EQ(code_of(record.note("caps", 9)), ErrorCode::file_format);
}

}  // namespace
}  // namespace lineside::bundle
