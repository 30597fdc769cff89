#include "condition/follow.h"

#include <gtest/gtest.h>

#include <cmath>

#include "condition/detectors.h"

namespace lineside::condition {
namespace {

TelemetryFront front_of_one() {
  TelemetryFront front;
  front.baseline_rows = 50;
  front.hold_rows = 400;
  front.follow = {{.mean = 0, .fully = 1.5, .until = 3}};
  return front;
}

// What is left of a level that goes as `level(row)`, anomalies being what is 4 and more; after `rows` rows.
template <typename Level>
float left_after(SlowAverages& slow, const TelemetryFront& front, int rows, Level level) {
  float left = 0;
  for (int row = 0; row < rows; ++row) {
    left = slow.above(std::vector<float>{static_cast<float>(level(row))}).front();
    slow.follow(front, std::abs(left) >= 4);
  }
  return left;
}

TEST(SlowAverages, FollowADrift_FarBeyondWhatWasLearned) {
  const TelemetryFront front = front_of_one();
  SlowAverages slow;
  EXPECT_LT(left_after(slow, front, 2'000, [](int row) { return 0.005 * row; }), 0.3);
  EXPECT_TRUE(slow.drifted());
}

TEST(SlowAverages, StandStillUnderAStep_UntilItHasStayed) {
  const TelemetryFront front = front_of_one();
  SlowAverages slow;
  EXPECT_EQ(left_after(slow, front, 390, [](int) { return 8; }), 8);
  EXPECT_FALSE(slow.drifted());
  EXPECT_LT(left_after(slow, front, 300, [](int) { return 8; }), 0.5);
  EXPECT_TRUE(slow.drifted());
}

TEST(SlowAverages, StandStillUnderAnAnomalyOfOthers) {
  TelemetryFront front = front_of_one();
  front.follow.push_back(front.follow.front());
  SlowAverages slow;
  float second = 0;
  for (int row = 0; row < 300; ++row) {
    second = slow.above(std::vector<float>{8, 1}).back();
    slow.follow(front, true);
  }
  EXPECT_EQ(second, 1);
}

TEST(SlowAverages, AreBackAtOnce_WhenAFaultEnds) {
  const TelemetryFront front = front_of_one();
  SlowAverages slow;
  EXPECT_EQ(left_after(slow, front, 350, [](int row) { return row < 300 ? 8 : 0; }), 0);
  EXPECT_FALSE(slow.drifted());
}

TEST(SpreadsOf, IsTakenBackByDeviations) {
  Detectors detectors;
  detectors.spread = {0.5, 2};
  detectors.freedom = {6, 200};
  const State state{.name = "s1", .mean = {1, -1}, .signs = {}};
  for (const double deviate : {-4.0, 1.0, 5.0}) {
    const std::vector<float> x{static_cast<float>(1 + 0.5 * spreads_of(deviate, 6)),
                               static_cast<float>(-1 + 2 * spreads_of(deviate, 200))};
    for (const double z : deviations(state, detectors, x)) EXPECT_NEAR(z, deviate, 1e-3);
  }
}

}  // namespace
}  // namespace lineside::condition
