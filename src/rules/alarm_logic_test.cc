#include "rules/alarm_logic.h"

#include <gtest/gtest.h>

namespace lineside::rules {
namespace {

using namespace std::chrono_literals;

WallTime at(int seconds) { return WallTime{std::chrono::seconds{1'700'000'000 + seconds}}; }

TEST(AlarmLogic, TripsAfterItsOnDelayAndClearsAfterItsOffDelay) {
  AlarmLogic alarm({.on_delay = 10s, .off_delay = 5s});
  EXPECT_FALSE(alarm.step(at(0), true).any());
  EXPECT_EQ(alarm.due(), at(10));
  EXPECT_FALSE(alarm.step(at(9), true).any());
  EXPECT_TRUE(alarm.step(at(10), true).raised);
  EXPECT_EQ(alarm.state(), AlarmState::active);
  EXPECT_EQ(alarm.since(), at(10));
  EXPECT_FALSE(alarm.step(at(20), true).any());
  EXPECT_EQ(alarm.due(), at(25));
  EXPECT_FALSE(alarm.step(at(22), false).any());  // back before the off-delay has ended
  EXPECT_FALSE(alarm.due());
  EXPECT_FALSE(alarm.step(at(30), true).any());
  EXPECT_TRUE(alarm.step(at(35), true).cleared);
  EXPECT_EQ(alarm.state(), AlarmState::normal);
}

TEST(AlarmLogic, ABreakInTheConditionBeginsTheDelayAnew) {
  AlarmLogic alarm({.on_delay = 10s});
  alarm.step(at(0), true);
  alarm.step(at(9), false);
  alarm.step(at(10), true);
  EXPECT_FALSE(alarm.step(at(19), true).any());
  EXPECT_TRUE(alarm.step(at(20), true).raised);
}

TEST(AlarmLogic, DelaysStandStillWhileNothingIsKnown) {
  AlarmLogic alarm({.on_delay = 10s, .unknown_after = 1h});
  alarm.step(at(0), true);
  alarm.step(at(8), std::nullopt);
  EXPECT_FALSE(alarm.step(at(500), std::nullopt).any());
  EXPECT_FALSE(alarm.step(at(600), true).any());
  EXPECT_EQ(alarm.due(), at(602));
  EXPECT_TRUE(alarm.step(at(602), true).raised);
}

TEST(AlarmLogic, TellsWhenItIsUnknownForLong_AndNeitherTripsNorClears) {
  AlarmLogic alarm({.unknown_after = 60s});
  EXPECT_TRUE(alarm.step(at(0), true).raised);
  EXPECT_FALSE(alarm.step(at(10), std::nullopt).any());
  EXPECT_EQ(alarm.due(), at(70));
  EXPECT_TRUE(alarm.step(at(70), std::nullopt).unknown);
  EXPECT_FALSE(alarm.step(at(80), std::nullopt).any());  // once
  EXPECT_FALSE(alarm.due());
  EXPECT_EQ(alarm.state(), AlarmState::active);
  EXPECT_FALSE(alarm.known());
  const auto changes = alarm.step(at(90), true);
  EXPECT_TRUE(changes.known && changes.cleared);
}

TEST(AlarmLogic, GivesWindowsTimeToFillAtTheStart) {
  AlarmLogic alarm({.unknown_after = 60s, .warm_up = 1h});
  alarm.step(at(0), std::nullopt);
  EXPECT_EQ(alarm.due(), at(3600));
  alarm.step(at(10), false);
  alarm.step(at(20), std::nullopt);
  EXPECT_EQ(alarm.due(), at(80));
}

TEST(AlarmLogic, ALatchingAlarmStaysUntilItIsAcknowledged) {
  AlarmLogic alarm({.latching = true});
  EXPECT_TRUE(alarm.step(at(0), true).raised);
  EXPECT_FALSE(alarm.step(at(10), true).any());
  EXPECT_EQ(alarm.state(), AlarmState::latched);
  EXPECT_FALSE(alarm.step(at(20), true).any());  // again: it never went
  EXPECT_EQ(alarm.state(), AlarmState::active);
  EXPECT_FALSE(alarm.step(at(30), true).any());
  EXPECT_TRUE(alarm.acknowledge(at(40)));
  EXPECT_EQ(alarm.state(), AlarmState::normal);
}

TEST(AlarmLogic, AnAlarmAcknowledgedWhileActiveDoesNotLatch) {
  AlarmLogic alarm({.latching = true});
  EXPECT_TRUE(alarm.step(at(0), true).raised);
  EXPECT_FALSE(alarm.acknowledge(at(5)));
  EXPECT_TRUE(alarm.acknowledged());
  EXPECT_TRUE(alarm.step(at(10), true).cleared);
  EXPECT_FALSE(alarm.acknowledge(at(20)));
  EXPECT_FALSE(alarm.acknowledged());
}

}  // namespace
}  // namespace lineside::rules
