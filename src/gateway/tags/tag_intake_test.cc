#include "gateway/tags/tag_intake.h"

#include <gtest/gtest.h>

#include <limits>

#include "gateway/tags/test_tag_sink.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::tag;

struct Intake {
  ManualClock clock;
  MetricsRegistry metrics;
  testing::TakingSink sink;
  config::TagSourceSettings settings{.name = "source"};
  std::vector<config::TagSettings> tags{tag("a"), tag("elsewhere", "other"), tag("b")};
  TagIntake intake{settings, tags, clock, metrics};

  Intake() { intake.set_sink(sink); }
  WallTime time_of_taken(WallTime source_time) {
    intake.take(0, 1, source_time);
    intake.flush();
    return sink.of[0].back().source_time;
  }
  std::uint64_t count(const std::string& name) {
    return metrics.counter("lineside_tag_" + name + "_total", "", {{"source", "source"}}).value();
  }
};

TEST(TagIntake, LeavesOutWhatNoRightClockSays_AndKeepsTheValue) {
  Intake f;
  const WallTime now = f.clock.wall(), first = TagIntake::kEarliest;
  for (const WallTime good : {first, now - 24h * 300, now, now + TagIntake::kAheadMax})
    EXPECT_EQ(f.time_of_taken(good), good);
  EXPECT_EQ(f.count("odd_times"), 0U);
  for (const WallTime odd : {WallTime{1s}, WallTime{1s * 946'684'800}, first - 1ns, now + TagIntake::kAheadMax + 1ns,
                             now + 2h, WallTime::max(), WallTime::min()})
    EXPECT_EQ(f.time_of_taken(odd), WallTime{});
  EXPECT_EQ(f.count("odd_times"), 7U);
  EXPECT_EQ(f.time_of_taken({}), WallTime{});
  EXPECT_EQ(f.count("odd_times"), 7U) << "no time is no odd one";
  EXPECT_TRUE(f.sink.is(0, 1));
}

TEST(TagIntake, KnowsItsTagsByTheirPlaceInTheSettings_ScaledAndJudged) {
  Intake f;
  f.tags[2].scale = 0.1, f.tags[2].offset = -1, f.tags[2].valid_high = 10;
  TagIntake intake(f.settings, f.tags, f.clock, f.metrics);
  intake.set_sink(f.sink);
  ASSERT_EQ(intake.size(), 2U);
  intake.take(1, 50);
  intake.flush();
  EXPECT_TRUE(f.sink.is(2, 4));
  for (const double bad : {120.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    intake.take(1, 50);
    intake.take(1, bad);
    intake.flush();
    EXPECT_TRUE(f.sink.is_bad(2)) << bad;
  }
}

TEST(TagIntake, WhatComesTogetherHasOneTimeOfReceipt) {
  Intake f;
  const WallTime first = f.clock.wall();
  f.intake.take(0, 1);
  f.clock.advance(20ms);
  f.intake.take(1, 2);
  f.intake.flush();
  f.intake.take(0, 3);
  f.intake.flush();
  EXPECT_EQ(f.sink.of[0][0].received, first);
  EXPECT_EQ(f.sink.of[2][0].received, first);
  EXPECT_EQ(f.sink.of[0][1].received, first + 20ms);
}

TEST(TagIntake, ABadTagIsToldOnce_AndItsReasonAgainAfterTheSourceWasGone) {
  Intake f;
  f.intake.up();
  f.intake.take(0, 1);
  for (int i = 0; i < 3; ++i) f.intake.refuse(0, "no number");
  f.intake.flush();
  EXPECT_EQ(f.sink.of[0].size(), 2U);
  EXPECT_EQ(f.sink.bad[0].size(), 1U);
  EXPECT_EQ(f.count("bad_values"), 3U);
  f.intake.down("gone");
  f.intake.down("gone");
  EXPECT_EQ(f.sink.downs, 1);
  EXPECT_TRUE(f.sink.is_bad(2)) << "never read";
  f.intake.up();
  for (int i = 0; i < 3; ++i) f.intake.refuse(1, "silent");
  f.intake.flush();
  EXPECT_EQ(f.sink.of[2].size(), 1U) << "it was bad already";
  EXPECT_EQ(f.sink.bad[2], std::vector<std::string>{"silent"});
}

}  // namespace
}  // namespace lineside::gateway
