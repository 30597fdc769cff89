#include "condition/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace lineside::condition {
namespace {

std::vector<float> exponential(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::exponential_distribution<float> next(0.3F);
  std::vector<float> values(count);
  for (float& value : values) value = next(random);
  return values;
}

// As the header says it, one bin after the other.
float slow_median(std::span<const float> power, std::size_t bin) {
  const std::size_t from = bin / 6 * 6, low = from > 12 ? from - 12 : 1, high = std::min(power.size(), from + 18);
  std::vector<float> around;
  for (std::size_t i = low; i < high; ++i) around.push_back(power[i]);
  std::ranges::sort(around);
  return around.empty() ? 0 : around[around.size() / 2];
}

TEST(LocalMedians, AreThoseOfSortedSurroundings) {
  for (const std::size_t size : {1, 2, 7, 18, 19, 35, 36, 37, 42, 60, 90, 101, 130, 200, 257, 1001}) {
    const std::vector<float> power = exponential(size, static_cast<unsigned>(size));
    for (const std::size_t count : {size, size / 2, size - 1}) {
      const auto medians = local_medians(power, count);
      ASSERT_EQ(medians.size(), count);
      for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(medians[i], slow_median(power, i)) << size << " " << i;
    }
  }
}

TEST(KthSmallest, IsThatOfSortedValues) {
  for (const std::size_t size : {1, 2, 9, 16, 100, 1003}) {
    std::vector<float> values = exponential(size, 5), sorted = values;
    std::ranges::sort(sorted);
    for (const std::size_t k : {std::size_t{0}, size / 3, size / 2, size - 1})
      EXPECT_EQ(kth_smallest(values, k), sorted[k]) << size << " " << k;
  }
  EXPECT_EQ(kth_smallest(std::vector<float>{0, 0, 0}, 1), 0);
  EXPECT_EQ(kth_smallest({}, 0), 0);
}

TEST(LargestAt, IsTheFirstOfEquals) {
  std::vector<float> values(50, 1.0F);
  values[17] = values[31] = 4;
  EXPECT_EQ(largest_at(values), 17U);
}

TEST(Moments, AreTheirSums) {
  std::vector<float> values = exponential(1003, 6);
  double mean = 0, second = 0, third = 0, fourth = 0, peak = 0;
  for (const float value : values) mean += value / 1003.0;
  for (const float value : values) {
    const double d = value - mean;
    second += d * d / 1003, third += d * d * d / 1003, fourth += d * d * d * d / 1003,
        peak = std::max(peak, std::abs(d));
  }
  const Moments m = central_moments(values);
  EXPECT_NEAR(sum_of(values), 1003 * mean, 1e-9 * 1003 * mean);
  EXPECT_NEAR(m.second, second, 1e-9 * second);
  EXPECT_NEAR(m.third, third, 1e-9 * third);
  EXPECT_NEAR(m.fourth, fourth, 1e-9 * fourth);
  EXPECT_NEAR(m.peak, peak, 1e-9);
}

TEST(Extent, SaysWhatIsNotFinite_WhereverItIs) {
  std::vector<float> values = exponential(103, 7);
  EXPECT_TRUE(extent_of(values).finite);
  EXPECT_EQ(extent_of(values).high, std::ranges::max(values));
  EXPECT_EQ(extent_of(values).low, std::ranges::min(values));
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (const std::size_t at : {0, 50, 102}) {
      auto with = values;
      with[at] = odd;
      EXPECT_FALSE(extent_of(with).finite) << at;
    }
}

}  // namespace
}  // namespace lineside::condition
