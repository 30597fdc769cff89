#include "gateway/rules/rule_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <format>
#include <fstream>

#include "base/test_folder.h"
#include "base/test_port.h"
#include "rules/alarm_file.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Records final : public RecordSink {
 public:
  void put(Lane lane, RecordBody body) override {
    EXPECT_EQ(lane, Lane::urgent);
    const std::lock_guard lock(mutex_);
    events_.push_back(std::get<EventRecord>(body));
  }
  // Type and asset of those since the last call.
  std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> told;
    for (; told_ < events_.size(); ++told_) told.push_back(events_[told_].type + " " + events_[told_].asset);
    return told;
  }
  EventRecord last() {
    const std::lock_guard lock(mutex_);
    return events_.back();
  }

 private:
  std::mutex mutex_;
  std::vector<EventRecord> events_;
  std::size_t told_ = 0;
};

// Whose wall clock can be set apart from the monotonic one.
class SettableClock final : public Clock {
 public:
  MonoTime mono() const override { return clock_.mono(); }
  WallTime wall() const override { return clock_.wall() + set_; }
  void sleep_until(MonoTime until) override { clock_.sleep_until(until); }
  void advance(nanoseconds by) { clock_.advance(by); }
  void set(nanoseconds by) { set_ += by; }

 private:
  ManualClock clock_;
  nanoseconds set_{};
};

class RuleDeskTest : public ::testing::Test {
 protected:
  RuleDeskTest() {
    settings_.gateway = "g1";
    settings_.data_dir = (folder_ / "data").string();
    settings_.rules = {(folder_ / "rules.yaml").string()};
    settings_.telemetry.sources.resize(1);
    settings_.telemetry.sources[0].name = "plc";
    for (const char* name : {"t", "on", "unread"}) {
      auto& tag = settings_.telemetry.tags.emplace_back();
      tag.name = name;
      tag.source = "plc";
    }
    rules("rules: [{name: hot, asset: boiler, when: t > 80 for 10 s}, {name: runs, when: 'on', latching: true}]\n");
  }
  void rules(const std::string& yaml) { std::ofstream(folder_ / "rules.yaml") << yaml; }
  RuleParts parts() {
    return {.records = records_,
            .metrics = metrics_,
            .clock = clock_,
            .on_disk = [this] { return on_disk_.load(); },
            .writers = writers_};
  }
  void start() {
    desk_.reset();
    auto made = RuleDesk::create(settings_, parts());
    ASSERT_TRUE(made) << made.error().message;
    desk_ = std::move(*made);
  }
  void read(std::size_t tag, double value, Quality quality = Quality::good) {
    const Sample one{.tag = tag, .received = clock_.wall(), .value = value, .quality = quality};
    desk_->take({&one, 1}, 0);
  }
  void wait(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      clock_.advance(1s);
      desk_->take({}, 0);
    }
  }
  TestFolder folder_;
  config::GatewaySettings settings_;
  Records records_;
  MetricsRegistry metrics_;
  SettableClock clock_;
  std::atomic<bool> on_disk_ = true;
  TagWriters writers_{3};
  std::unique_ptr<RuleDesk> desk_;
};

TEST_F(RuleDeskTest, RaisesAndClears_AndTimeGoesOnWithoutReadings) {
  start();
  EXPECT_EQ(desk_->wanted(), (std::vector<bool>{true, true, false}));
  read(0, 90);
  wait(10);
  EXPECT_THAT(records_.told(), IsEmpty());
  wait(2);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised boiler"));
  EXPECT_EQ(records_.last().evidence.at("rule"), "hot");
  EXPECT_EQ(desk_->shown()[0].state, rules::AlarmState::active);
  EXPECT_THAT(metrics_.prometheus_text(), HasSubstr("lineside_rules_alarms 1\n"));
  read(0, 20);
  wait(2);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.cleared boiler"));
  EXPECT_THAT(metrics_.prometheus_text(), HasSubstr("lineside_rules_alarms 0\n"));
}

TEST_F(RuleDeskTest, AnAlarmOutlivesARestart) {
  start();
  read(0, 90);
  wait(15);
  records_.told();
  start();
  EXPECT_EQ(desk_->shown()[0].state, rules::AlarmState::active);
  read(0, 91);
  wait(15);
  EXPECT_THAT(records_.told(), IsEmpty());
  read(0, 20);
  wait(3);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.cleared boiler"));
  start();
  read(0, 20);
  wait(3);
  EXPECT_THAT(records_.told(), IsEmpty());
}

// Otherwise a kill in between would lose the alarm for ever.
TEST_F(RuleDeskTest, AnAlarmWhoseEventIsNotOnDiskIsToldAgain) {
  on_disk_ = false;
  start();
  read(0, 90);
  wait(15);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised boiler"));
  start();
  read(0, 90);
  wait(15);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised boiler"));
  on_disk_ = true;
  wait(15);
  start();
  read(0, 90);
  wait(15);
  EXPECT_THAT(records_.told(), IsEmpty());
}

TEST_F(RuleDeskTest, AnAlarmGoesWithItsRule) {
  start();
  read(1, 1);
  wait(3);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised g1"));
  rules("rules: [{name: other, when: t > 80}]\n");
  start();
  EXPECT_THAT(records_.told(), ElementsAre("alarm.cleared g1"));
  EXPECT_THAT(records_.last().message, HasSubstr("runs is no more"));
  wait(3);
  start();
  EXPECT_THAT(records_.told(), IsEmpty());
  settings_.rules.clear();
  start();
  EXPECT_FALSE(desk_->has_rules());
}

TEST_F(RuleDeskTest, WhatWasToldToBeUnknownIsKnownAgainAfterARestart) {
  start();
  read(0, 20);
  wait(70);
  EXPECT_THAT(records_.told(), ElementsAre("rule.unknown g1"));
  start();
  read(1, 0);
  wait(1);
  EXPECT_THAT(records_.told(), ElementsAre("rule.known g1"));
}

TEST_F(RuleDeskTest, SaysThatAlarmsOfBeforeCantBeRead) {
  start();
  std::ofstream(rules::alarm_folder(settings_.data_dir) / "alarms.json") << "{";
  start();
  EXPECT_THAT(records_.told(), ElementsAre("rules.forgotten g1"));
  EXPECT_THAT(desk_->shown(), ::testing::Each(::testing::Field(&rules::RuleStatus::state, rules::AlarmState::normal)));
  std::filesystem::remove_all(rules::alarm_folder(settings_.data_dir));
  std::ofstream(rules::alarm_folder(settings_.data_dir)) << "in the way";
  start();
  read(1, 1);
  wait(30);
  EXPECT_THAT(records_.told(), ElementsAre("rules.forgotten g1", "alarm.raised g1"));
}

TEST_F(RuleDeskTest, APersonAcknowledgesALatchedAlarm) {
  start();
  read(1, 1);
  wait(3);
  read(1, 0);
  wait(3);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised g1"));
  const auto folder = rules::alarm_folder(settings_.data_dir);
  ASSERT_TRUE(rules::leave_acknowledgement(folder, {"runs", "anna"}));
  ASSERT_TRUE(rules::leave_acknowledgement(folder, {"none", "anna"}));
  wait(1);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.acknowledged g1", "alarm.cleared g1"));
  EXPECT_EQ(records_.last().evidence.at("by"), "anna");
}

TEST_F(RuleDeskTest, NothingTripsOrGetsStaleBecauseTheClockIsSet) {
  for (const nanoseconds by : {nanoseconds(3h), nanoseconds(-3h)}) {
    start();
    read(0, 90);
    read(1, 0);
    wait(5);
    clock_.set(by);
    read(1, 0);
    wait(5);
    EXPECT_THAT(records_.told(), IsEmpty());
    wait(1);
    EXPECT_THAT(records_.told(), ElementsAre("alarm.raised boiler"));
    read(0, 20);
    wait(3);
    EXPECT_THAT(records_.told(), ElementsAre("alarm.cleared boiler"));
  }
}

TEST_F(RuleDeskTest, TellsDroppedReadingsOnceAMinute) {
  start();
  std::uint64_t dropped = 0;
  for (int i = 0; i < 90; ++i) {
    clock_.advance(1s);
    desk_->take({}, dropped += 10);
  }
  EXPECT_EQ(std::ranges::count(records_.told(), "rules.dropped g1"), 2);
  EXPECT_THAT(metrics_.prometheus_text(), HasSubstr("lineside_rules_dropped_samples_total 900\n"));
}

TEST_F(RuleDeskTest, SaysWhatCouldNotBePublishedInTime) {
  settings_.telemetry.sources[0].kind = config::TagSourceSettings::Kind::mqtt;
  settings_.telemetry.sources[0].at.port = free_port();  // nobody is there
  rules(
      "rules: [{name: hot, when: t > 80, actions: [{kind: publish, broker: plc, topic: alarms/hot, payload: x, "
      "ttl_ms: 5000}]}]\n");
  start();
  read(0, 90);
  wait(4);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised g1"));
  wait(4);
  EXPECT_THAT(records_.told(), ElementsAre("rules.unpublished g1"));
  EXPECT_THAT(records_.last().message, HasSubstr("rule hot to alarms/hot"));
}

TEST_F(RuleDeskTest, RefusesRulesWithMistakes_WithFileAndLine) {
  rules("rules:\n  - name: a\n    when: temperature > 80\n");
  const auto made = RuleDesk::create(settings_, parts());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::config_invalid);
  EXPECT_THAT(made.error().message, HasSubstr("rules.yaml:3: rules[0].when: column 1: there is no tag 'temperature'"));
}

TEST_F(RuleDeskTest, RunsOnItsThread_UntilItIsStopped) {
  rules("rules: [{name: hot, when: t > 80}]\n");
  auto watch = RuleWatch::create(settings_, {.records = records_,
                                             .metrics = metrics_,
                                             .clock = system_clock(),
                                             .on_disk = [] { return true; },
                                             .writers = writers_})
                   .value();
  watch->start();
  const Sample hot{.tag = 0, .received = system_clock().wall(), .value = 90, .quality = Quality::good};
  watch->sink().on_source(true, "");
  watch->sink().on_samples({&hot, 1});
  const auto active = [&] {
    return std::ranges::contains(watch->shown(), rules::AlarmState::active, &rules::RuleStatus::state);
  };
  for (int i = 0; i < 2000 && !active(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_THAT(records_.told(), ElementsAre("alarm.raised g1"));
  watch->stop();
  EXPECT_EQ(rules::read_alarms(rules::alarm_folder(settings_.data_dir))->size(), 1U);
}

}  // namespace
}  // namespace lineside::gateway
