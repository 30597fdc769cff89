#include "rules/alarm_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/test_folder.h"

namespace lineside::rules {
namespace {

using namespace std::chrono_literals;

RuleStatus alarm(std::string rule, AlarmState state) {
  return {.rule = std::move(rule),
          .asset = "boiler",
          .severity = Severity::high,
          .state = state,
          .acknowledged = true,
          .known = true,
          .since = WallTime{1'700'000'000s + 5ns},
          .message = "At 90 °C \xFF"};
}

class AlarmFile : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(make_alarm_folder(at_)); }
  void acknowledge(const std::string& file, const std::string& content) {
    std::ofstream(at_ / "acknowledge" / file) << content;
  }
  TestFolder folder_;
  const std::filesystem::path at_ = alarm_folder(folder_.path());
};

TEST_F(AlarmFile, KeepsWhatIsNotNormal) {
  EXPECT_TRUE(read_alarms(at_)->empty());
  RuleStatus all[] = {alarm("a", AlarmState::active), alarm("b", AlarmState::normal), alarm("c", AlarmState::latched),
                      alarm("d", AlarmState::normal)};
  all[3].told_unknown = true;
  ASSERT_TRUE(write_alarms(at_, all));
  const auto read = read_alarms(at_);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ((*read)[0].rule, "a");
  EXPECT_EQ((*read)[0].state, AlarmState::active);
  EXPECT_EQ((*read)[0].asset, "boiler");
  EXPECT_EQ((*read)[0].severity, Severity::high);
  EXPECT_EQ((*read)[0].since, all[0].since);
  EXPECT_TRUE((*read)[0].acknowledged);
  EXPECT_EQ((*read)[1].state, AlarmState::latched);
  EXPECT_EQ((*read)[2].state, AlarmState::normal);
  EXPECT_TRUE((*read)[2].told_unknown);
}

TEST_F(AlarmFile, SaysThatItIsDamaged) {
  for (const char* text : {"", "{", "[]", "{\"alarms\":[{}]}", "{\"alarms\":[{\"rule\":7}]}", "{\"alarms\":\"x\"}"}) {
    std::ofstream(at_ / "alarms.json") << text;
    const auto read = read_alarms(at_);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::file_format) << text;
  }
}

TEST_F(AlarmFile, KeepsTheOldOne_WhenTheDiskFails) {
  const RuleStatus one[] = {alarm("a", AlarmState::active)};
  ASSERT_TRUE(write_alarms(at_, one));
  for (std::uint64_t nth = 0; nth < 3; ++nth) {
    const FaultPlan plan(nth, ENOSPC);
    if (write_alarms(at_, {})) break;
    EXPECT_EQ(read_alarms(at_)->size(), 1U) << nth;
  }
}

TEST_F(AlarmFile, HandsAnAcknowledgementOverOnce) {
  ASSERT_TRUE(leave_acknowledgement(at_, {"supply-not-cold", "Anna Öst"}));
  const auto taken = take_acknowledgements(at_);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].rule, "supply-not-cold");
  EXPECT_EQ(taken[0].by, "Anna Öst");
  EXPECT_TRUE(take_acknowledgements(at_).empty());
}

TEST_F(AlarmFile, TakesNoAcknowledgementThatIsNone) {
  for (const char* rule : {"", "../alarms", "A", "a b", "."})
    EXPECT_EQ(leave_acknowledgement(at_, {rule, "anna"}).error().code, ErrorCode::usage) << rule;
  for (const std::string& by : {std::string(), std::string(65, 'x'), std::string("a\nb"), std::string("\0", 1)})
    EXPECT_EQ(leave_acknowledgement(at_, {"a", by}).error().code, ErrorCode::usage) << by;
  acknowledge("empty", "");
  acknowledge("long", std::string(1000, 'x'));
  acknowledge("odd", "a\x1b[31m");
  acknowledge("a.123.new", "anna");  // being written
  std::filesystem::create_symlink("/dev/zero", at_ / "acknowledge" / "link");
  std::filesystem::create_directory(at_ / "acknowledge" / "folder");
  EXPECT_TRUE(take_acknowledgements(at_).empty());
  EXPECT_EQ(leave_acknowledgement(folder_ / "nowhere", {"a", "anna"}).error().code, ErrorCode::file_not_found);
  EXPECT_TRUE(take_acknowledgements(folder_ / "nowhere").empty());
}

}  // namespace
}  // namespace lineside::rules
