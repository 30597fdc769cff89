#include "rules/alarm_logic.h"

#include <gtest/gtest.h>

#include <vector>

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

// Each second the condition is there for half a second.
TEST(AlarmLogic, AConditionThatDancesIsToldEverMoreSeldom) {
  AlarmLogic alarm({});
  int told = 0;
  std::vector<int> raised_at;
  for (int half = 0; half < 2 * 3600; ++half) {
    const WallTime now = at(0) + half * 500ms;
    const bool met = half % 2 == 0;
    const auto changes = alarm.step(now, alarm.state() == AlarmState::active ? !met : met);
    told += changes.raised + changes.cleared;
    if (changes.raised) raised_at.push_back(half / 2);
  }
  EXPECT_EQ(std::vector<int>(raised_at.begin(), raised_at.begin() + 4), (std::vector<int>{0, 2, 5, 10}));
  EXPECT_LT(told, 2 * (3600 / 64 + 8));
  EXPECT_GT(told, 2 * (3600 / 64 - 2));
}

TEST(AlarmLogic, ToldOfTheEndOnceItIsCalm_AndShortStaysCountAgainAfterIt) {
  AlarmLogic alarm({});
  EXPECT_TRUE(alarm.step(at(0), true).raised);
  EXPECT_FALSE(alarm.step(at(0), true).any());  // gone at once
  EXPECT_EQ(alarm.due(), at(1));
  EXPECT_TRUE(alarm.step(at(1), true).cleared);
  EXPECT_TRUE(alarm.step(at(2), true).raised);
  EXPECT_FALSE(alarm.step(at(3), true).any());
  EXPECT_EQ(alarm.due(), at(4));
  EXPECT_TRUE(alarm.step(at(4), true).cleared);
  EXPECT_TRUE(alarm.step(at(400), true).raised);
  EXPECT_TRUE(alarm.step(at(401), true).cleared);
}

TEST(AlarmLogic, TellsThatItIsUnknownOnceAMinute) {
  AlarmLogic alarm({});
  int told = 0;
  for (int second = 0; second < 600; ++second) {
    const auto changes = alarm.step(at(second), second % 2 == 0 ? std::nullopt : std::optional(false));
    told += changes.unknown;
    EXPECT_TRUE(alarm.known() == (second % 2 == 1));
  }
  EXPECT_EQ(told, 10);
}

TEST(AlarmLogic, GoesOnAsItWasWhenTheClockIsSet) {
  for (const auto by : {nanoseconds(2h), nanoseconds(-2h)}) {
    AlarmLogic alarm({.on_delay = 10s});
    alarm.step(at(0), true);
    alarm.shift(by);
    EXPECT_EQ(alarm.due(), at(10) + by);
    EXPECT_FALSE(alarm.step(at(9) + by, true).any());
    EXPECT_TRUE(alarm.step(at(10) + by, true).raised);
  }
}

TEST(AlarmLogic, IsWhatItWasBeforeARestart) {
  AlarmLogic alarm({.latching = true});
  alarm.restore(AlarmState::latched, false, false, at(0));
  EXPECT_EQ(alarm.since(), at(0));
  EXPECT_FALSE(alarm.step(at(100), false).any());
  EXPECT_TRUE(alarm.acknowledge(at(101)));

  AlarmLogic latches_no_more({});
  latches_no_more.restore(AlarmState::latched, false, false, at(0));
  EXPECT_TRUE(latches_no_more.step(at(100), true).cleared);

  AlarmLogic active({});
  active.restore(AlarmState::active, true, false, at(0));
  EXPECT_TRUE(active.acknowledged());
  EXPECT_FALSE(active.step(at(100), false).any());  // its condition still holds: not raised again
  EXPECT_TRUE(active.step(at(200), true).cleared);

  AlarmLogic unknown({});
  unknown.restore(AlarmState::normal, false, true, {});
  EXPECT_FALSE(unknown.step(at(100), std::nullopt).any());  // that was told
  EXPECT_TRUE(unknown.step(at(101), false).known);
}

}  // namespace
}  // namespace lineside::rules
