#include "gateway/rules/write_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <format>
#include <fstream>
#include <limits>

#include "gateway/rules/test_write_desk.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Outcome = TagWritten::Outcome;
using testing::WriteDeskTest;

TEST_F(WriteDeskTest, WritesOnce_ReadsBack_AndWritesItDownBefore) {
  start();
  hot();
  ASSERT_EQ(device_.waiting.size(), 1U);
  EXPECT_EQ(device_.waiting[0].tag, valve);
  ASSERT_EQ(written_down().size(), 1U) << "before it is done";
  EXPECT_THAT(written_down()[0], HasSubstr(R"("kind":"asked","rule":"hot","at":"raised","tag":"valve","value":60.0)"));
  device_.serve();
  wait(10s);
  EXPECT_THAT(device_.sent, ElementsAre(60));
  EXPECT_THAT(device_.waiting, IsEmpty());
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised", "write.done"));
  EXPECT_EQ(records_.last().asset, "boiler");
  EXPECT_EQ(records_.last().message, "Rule hot wrote 60 into valve, before it was 1.");
  EXPECT_EQ(records_.last().evidence.at("after"), "60");
  ASSERT_EQ(written_down().size(), 2U);
  EXPECT_THAT(written_down()[1], HasSubstr(R"("kind":"written")"));
  EXPECT_THAT(written_down()[1], HasSubstr(R"("of":1,"before":1.0,"after":60.0)"));
  EXPECT_EQ(records_.last().evidence.at("audit"),
            audit::to_string(audit::verify(audit::folder_in(settings_.data_dir), {}).value()));
  EXPECT_THAT(metrics_.prometheus_text(), HasSubstr("lineside_writes_done_total 1\n"));
}

TEST_F(WriteDeskTest, WhatTheDeviceDoesOtherwiseIsTold_AndNeverRepeated) {
  for (const Outcome outcome : {Outcome::differs, Outcome::refused, Outcome::unknown}) {
    settings_.data_dir = (folder_ / to_string(outcome)).string();
    start();
    hot();
    device_.serve(outcome, 55);
    wait(20s);
    EXPECT_THAT(records_.told(), ElementsAre("alarm.raised", "write.failed"));
    EXPECT_EQ(records_.last().severity, Severity::high);
    EXPECT_THAT(records_.last().message, HasSubstr("the device says so"));
    EXPECT_THAT(written_down().back(), HasSubstr(std::format(R"("kind":"{}")", to_string(outcome))));
    EXPECT_THAT(device_.waiting, IsEmpty());
  }
  EXPECT_THAT(metrics_.prometheus_text(), HasSubstr("lineside_writes_failed_total 3\n"));
}

TEST_F(WriteDeskTest, IsNotDoneLaterThanItsTimeToLive) {
  start();
  hot();
  wait(4900ms);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised"));
  wait(200ms);
  EXPECT_THAT(records_.told(), ElementsAre("write.refused"));
  EXPECT_EQ(why(), "its time to live is over");
  device_.serve();  // the device is there again
  wait(1s);
  EXPECT_THAT(device_.sent, IsEmpty());
  EXPECT_THAT(records_.told(), IsEmpty());
}

TEST_F(WriteDeskTest, WhatTheRuleSaidWhileNobodyListenedIsNotDone) {
  start();
  read(manual, 0);
  const Sample old{.tag = t, .received = clock_.wall(), .value = 90, .quality = Quality::good};
  clock_.advance(10s);  // the gateway stood still
  desk_->take({&old, 1}, 0);
  EXPECT_THAT(device_.waiting, IsEmpty());
  EXPECT_EQ(why(), "its time to live was over when the rule was judged");
}

TEST_F(WriteDeskTest, BadQualityTriggersNothing) {
  start();
  read(manual, 0);
  read(t, 90, Quality::uncertain);
  read(t, 90, Quality::bad);
  wait(5s);
  EXPECT_THAT(records_.events, IsEmpty());
  EXPECT_THAT(device_.waiting, IsEmpty());
}

TEST_F(WriteDeskTest, AnInterlockMustHold_AndBeKnown) {
  const auto refused = [&](const char* expected) {
    settings_.data_dir = (folder_ / std::to_string(records_.events.size())).string();
    read(t, 90);
    EXPECT_THAT(device_.waiting, IsEmpty());
    EXPECT_EQ(records_.last().type, "write.refused");
    EXPECT_EQ(why(), expected);
  };
  start();
  refused("interlock `manual < 1`: manual was never read");
  start();
  read(manual, 1);
  refused("interlock `manual < 1`: it is not true");
  start();
  read(manual, 0);
  read(manual, 0, Quality::uncertain);
  refused("interlock `manual < 1`: manual is uncertain");
  start();
  read(manual, 0, Quality::bad);
  refused("interlock `manual < 1`: manual is bad");
  settings_.telemetry.tags[manual].max_silence = 3s;
  start();
  read(manual, 0);
  wait(5s);
  refused("interlock `manual < 1`: manual is silent");
}

TEST_F(WriteDeskTest, AnInterlockCountsUntilTheMomentOfWriting) {
  start();
  hot();
  wait(1s);
  read(manual, 0, Quality::bad);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised", "write.refused"));
  EXPECT_EQ(why(), "interlock `manual < 1`: manual is bad");
  read(manual, 0);
  device_.serve();
  wait(1s);
  EXPECT_THAT(device_.sent, IsEmpty());
}

TEST_F(WriteDeskTest, NothingIsSentWhileTheRulesStandStill) {
  start();
  hot();
  clock_.advance(1500ms);  // nobody has looked at the interlocks
  device_.serve();
  wait(200ms);
  EXPECT_THAT(device_.sent, IsEmpty());
  EXPECT_EQ(why(), "its interlocks were not looked at for too long");
}

TEST_F(WriteDeskTest, IsWithdrawnWhenTheAlarmGoes_OrIsNotKnown) {
  start();
  hot();
  read(t, 90, Quality::bad);
  EXPECT_THAT(why(), HasSubstr("the rule can't be judged now: t is bad"));
  settings_.data_dir = (folder_ / "second").string();
  device_.waiting.clear();
  start();
  hot();
  read(t, 20);
  wait(3s);
  EXPECT_THAT(why(), HasSubstr("the alarm has gone"));
  device_.serve();
  EXPECT_THAT(device_.sent, IsEmpty());
}

TEST_F(WriteDeskTest, AGrantExpires_AndAClockThatIsNotSetGrantsNothing) {
  settings_.grants[0].expires = to_rfc3339(clock_.wall() + 1h);
  start();
  clock_.advance(59min);
  hot();
  EXPECT_EQ(device_.waiting.size(), 1U);
  device_.serve();
  cool();
  hot();
  EXPECT_THAT(device_.waiting, IsEmpty());
  EXPECT_THAT(why(), HasSubstr("its grant expired at 20"));
  EXPECT_THAT(GrantBook(settings_, clock_).refusal("valve", "hot", 60, true), HasSubstr("expired"));
  ManualClock never_set(WallTime{std::chrono::hours{24}});
  EXPECT_THAT(GrantBook(settings_, never_set).refusal("valve", "hot", 60, false), HasSubstr("clock is not set"));
}

TEST_F(WriteDeskTest, AGrantIsForItsRuleAndItsRange) {
  const GrantBook book(settings_, clock_);
  EXPECT_EQ(book.refusal("valve", "hot", 100, false), "");
  EXPECT_EQ(book.refusal("valve", "cold", 60, false), "its grant does not name the rule");
  EXPECT_EQ(book.refusal("t", "hot", 60, false), "nothing grants it");
  for (const double value : {-0.1, 100.1, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_EQ(book.refusal("valve", "hot", value, false), "its grant is for 0 to 100");
}

TEST_F(WriteDeskTest, AGrantHasARate_WhichARestartDoesNotForget) {
  settings_.grants[0].pause = 5min;
  start();
  const auto once = [&] {
    hot();
    const bool asked = !device_.waiting.empty();
    if (asked) device_.serve();
    cool();
    return asked;
  };
  EXPECT_TRUE(once());
  hot();
  EXPECT_EQ(why(), "its grant asks for a pause of 300000 ms after a write");
  cool();
  clock_.advance(5min);
  EXPECT_TRUE(once());
  start();
  clock_.advance(5min);
  EXPECT_TRUE(once());
  clock_.advance(5min);
  start();
  hot();
  EXPECT_EQ(why(), "its grant is for 3 writes an hour");
  cool();
  clock_.advance(1h);
  EXPECT_TRUE(once());
}

TEST_F(WriteDeskTest, WritesBackWhenItsTimeIsOver_WithinItsInterlocks) {
  rule(", back_to: 5, back_after_ms: 10000");
  start();
  hot();
  device_.serve();
  wait(9s);
  EXPECT_THAT(device_.waiting, IsEmpty());
  wait(2s);
  ASSERT_EQ(device_.waiting.size(), 1U);
  device_.serve();
  wait(1s);
  EXPECT_THAT(device_.sent, ElementsAre(60, 5));
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised", "write.done", "write.done"));
  cool();
  hot();
  device_.serve();
  wait(5s);
  read(manual, 1);
  wait(6s);
  EXPECT_THAT(device_.waiting, IsEmpty());
  EXPECT_EQ(why(), "interlock `manual < 1`: it is not true");
}

TEST_F(WriteDeskTest, WhatIsWrittenAtTheEndOfTheAlarmTakesThePlaceOfWritingBack) {
  rule(
      ", back_to: 5, back_after_ms: 100000",
      ", {kind: write, tag: valve, at: cleared, value: 7, min: 0, max: 100, interlocks: ['manual < 1'], ttl_ms: 5000}");
  start();
  hot();
  device_.serve();
  wait(3s);
  read(t, 20);
  wait(3s);
  ASSERT_EQ(device_.waiting.size(), 1U);
  device_.serve();
  wait(150s);
  EXPECT_THAT(device_.sent, ElementsAre(60, 7));
  EXPECT_THAT(device_.waiting, IsEmpty());
}

TEST_F(WriteDeskTest, ARestartRepeatsNothing_WhereverTheKillWas) {
  start();
  hot();
  kill();  // it is written down, and nothing else: not the alarm, not the outcome
  fs::remove_all(rules::alarm_folder(settings_.data_dir));
  start();
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised", "write.failed", "alarm.raised"));
  EXPECT_EQ(records_.last().asset, "boiler");
  EXPECT_EQ(records_.last().severity, Severity::high);
  hot();
  wait(5s);
  EXPECT_THAT(device_.waiting, IsEmpty());
  kill();
  start();
  hot();
  wait(5s);
  EXPECT_THAT(device_.waiting, IsEmpty());
  EXPECT_THAT(records_.told(), IsEmpty()) << "what was not known was told once";
  cool();
  hot();
  EXPECT_EQ(device_.waiting.size(), 1U) << "another alarm, another write";
}

TEST_F(WriteDeskTest, WhatIsWrittenAtTheEndIsNotRepeatedByARestart) {
  rule(
      "",
      ", {kind: write, tag: valve, at: cleared, value: 7, min: 0, max: 100, interlocks: ['manual < 1'], ttl_ms: 5000}");
  start();
  hot();
  device_.serve();
  wait(5s);  // the alarm is kept
  on_disk_ = false;
  read(t, 20);
  wait(3s);
  ASSERT_EQ(device_.waiting.size(), 1U);
  kill();
  on_disk_ = true;
  start();
  read(manual, 0);
  read(t, 20);
  wait(90s);
  EXPECT_THAT(device_.waiting, IsEmpty());
  EXPECT_EQ(why(), "it was asked for before the gateway's restart, and is not repeated");
}

TEST_F(WriteDeskTest, SaysWhatWasNotWrittenBack) {
  rule(", back_to: 5, back_after_ms: 60000");
  start();
  hot();
  device_.serve();
  wait(10s);
  kill();
  records_.told();
  start();
  EXPECT_THAT(records_.told(), ElementsAre("write.left"));
  EXPECT_THAT(records_.last().message, HasSubstr("5 was to be written back"));
  hot();
  wait(120s);
  EXPECT_THAT(device_.waiting, IsEmpty());
  start();
  EXPECT_THAT(records_.told(), IsEmpty());
}

TEST_F(WriteDeskTest, WithoutItsAuditLogNothingIsWritten) {
  start();
  hot();
  device_.serve();
  wait(1s);
  const fs::path file = audit::folder_in(settings_.data_dir) / "audit-000000000001.jsonl";
  std::string text = read_text(file).value();
  text.replace(text.find("60"), 2, "61");
  std::ofstream(file, std::ios::trunc) << text;
  records_.told();
  start();
  cool();
  hot();
  EXPECT_THAT(records_.told(), ::testing::Contains("audit.damaged"));
  EXPECT_THAT(device_.waiting, IsEmpty());
  EXPECT_THAT(why(), HasSubstr("audit-000000000001.jsonl:1: the audit log was changed here"));
}

TEST_F(WriteDeskTest, WhatCantBeWrittenDownIsNotDone) {
  start();
  fs::remove_all(audit::folder_in(settings_.data_dir));
  std::ofstream(audit::folder_in(settings_.data_dir)) << "in the way";
  hot();
  EXPECT_THAT(device_.waiting, IsEmpty());
  EXPECT_THAT(why(), HasSubstr("it can't be written into the audit log first"));
}

TEST_F(WriteDeskTest, ASourceThatIsNotThereIsToldAtOnce) {
  writers_.clear();
  start();
  hot();
  wait(200ms);
  EXPECT_EQ(why(), "the tag's source is not running");
}

}  // namespace
}  // namespace lineside::gateway
