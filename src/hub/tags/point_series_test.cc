#include "hub/tags/point_series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace lineside::hub {
namespace {

using namespace std::chrono_literals;

TagPoint point(WallTime time, double value) { return {.time = time, .value = value, .min = value, .max = value}; }

TEST(PointSeries, FewStayAsTheyAre_ByTime) {
  PointSeries series(4);
  for (const int second : {3, 1, 1, 2}) series.add(point(WallTime{1s * second}, second));
  EXPECT_FALSE(series.reduced());
  const auto points = series.take();
  ASSERT_EQ(points.size(), 4U);
  EXPECT_EQ(points.front().time, WallTime{1s});
  EXPECT_EQ(points.back().value, 3);
}

// Whatever the order, no more points than wanted, and nothing of what came is missing in them.
TEST(PointSeries, ManyAreSummedUp) {
  std::mt19937 random{5};
  for (const bool shuffled : {false, true}) {
    std::vector<int> seconds(20'000);
    for (std::size_t i = 0; i < seconds.size(); ++i) seconds[i] = static_cast<int>(i);
    if (shuffled) std::ranges::shuffle(seconds, random);
    PointSeries series(100);
    double sum = 0;
    for (const int second : seconds) {
      sum += std::sin(second);
      series.add(point(WallTime{1s * second}, std::sin(second)));
    }
    TagPoint bad{.time = WallTime{7s}, .count = 0, .quality = Quality::bad};
    series.add(bad);
    EXPECT_TRUE(series.reduced());
    const auto points = series.take();
    EXPECT_LE(points.size(), 100U);
    EXPECT_GE(points.size(), 40U);
    std::uint64_t count = 0;
    double found = 0, low = 1, high = -1;
    for (const TagPoint& one : points) {
      count += one.count;
      found += one.value * static_cast<double>(one.count);
      low = std::min(low, one.min), high = std::max(high, one.max);
    }
    EXPECT_EQ(count, 20'000U);
    EXPECT_NEAR(found, sum, 1e-6);
    EXPECT_LT(low, -0.999);
    EXPECT_GT(high, 0.999);
    EXPECT_EQ(points.front().quality, Quality::bad);
    EXPECT_EQ(points.front().time, WallTime{0s});
  }
}

TEST(PointSeries, TimesFarApartDoNoHarm) {
  PointSeries series(4);
  for (const auto ms :
       {4'600'000'000'000LL, 4'600'000'000'001LL, 0LL, 9'200'000'000'000LL, 1LL, 9'000'000'000'000LL, 5LL})
    series.add(point(WallTime{std::chrono::milliseconds{ms}}, 1));
  EXPECT_LE(series.take().size(), 4U);
}

}  // namespace
}  // namespace lineside::hub
