#include "gateway/condition/running_watch.h"

#include <gtest/gtest.h>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

class RunningWatchTest : public ::testing::Test {
 protected:
  void say(std::size_t tag, double value, Quality quality = Quality::good) {
    const Sample sample{.tag = tag, .value = value, .quality = quality};
    watch_.on_samples(std::span(&sample, 1));
  }
  Running of_last(std::chrono::milliseconds time) { return watch_.since(clock_.mono() - time).running; }

  ManualClock clock_;
  const config::AssetSettings asset_{
      .name = "m1",
      .running_when = {{.tag = "speed", .min = 10, .max = 20}, {.tag = "on", .min = 1, .max = {}}},
      .settle = 2000ms};
  const std::vector<config::TagSettings> tags_{{.name = "on"}, {.name = "other"}, {.name = "speed"}};
  RunningWatch watch_{asset_, tags_, clock_};
};

TEST_F(RunningWatchTest, AllTagsMustBeGoodAndInTheirRange) {
  EXPECT_EQ(of_last(0ms), Running::unknown) << "nothing was read yet";
  say(0, 1);
  EXPECT_EQ(of_last(0ms), Running::unknown) << "one of two";
  say(2, 15);
  clock_.advance(10s);
  EXPECT_EQ(of_last(1s), Running::yes);
  for (const double outside : {9.999, 20.001, -15.0}) {
    say(2, outside);
    EXPECT_EQ(of_last(0ms), Running::no) << outside;
  }
  for (const double inside : {10.0, 20.0}) {
    say(2, inside);
    clock_.advance(10s);
    EXPECT_EQ(of_last(1s), Running::yes) << inside;
  }
  say(1, -1e9, Quality::bad);
  EXPECT_EQ(of_last(1s), Running::yes) << "another tag";
}

TEST_F(RunningWatchTest, WhatIsNotGoodIsNotKnown_ButATagThatSaysItStandsIsBelieved) {
  say(0, 1), say(2, 15);
  clock_.advance(10s);
  for (const Quality quality : {Quality::bad, Quality::uncertain}) {
    say(2, 15, quality);
    EXPECT_EQ(of_last(1s), Running::unknown);
    EXPECT_EQ(watch_.since(clock_.mono()).state, "unknown (speed has no good reading)");
  }
  say(0, 0);
  EXPECT_EQ(of_last(1s), Running::no);
  EXPECT_EQ(watch_.since(clock_.mono()).state, "not running (on is 0)");
}

TEST_F(RunningWatchTest, ItMustHaveRunForTheWholeTimeAndHaveSettledBefore) {
  say(0, 1), say(2, 15);
  clock_.advance(2'500ms);
  EXPECT_EQ(of_last(500ms), Running::yes);
  EXPECT_EQ(of_last(501ms), Running::no);
  EXPECT_EQ(watch_.since(clock_.mono() - 501ms).state, "settling (speed is 15)");
  say(2, 16);
  EXPECT_EQ(of_last(500ms), Running::yes) << "a new reading in the range is no new beginning";
  say(2, 25), say(2, 15);
  clock_.advance(2s);
  EXPECT_EQ(of_last(0ms), Running::yes);
  EXPECT_EQ(of_last(1ms), Running::no);
  say(2, 15, Quality::bad), say(2, 15);
  EXPECT_EQ(of_last(0ms), Running::no) << "after a time of which nothing is known it settles too";
}

}  // namespace
}  // namespace lineside::gateway
