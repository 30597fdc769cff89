#include "training/tail.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "training/random.h"

namespace lineside::training {
namespace {

std::vector<double> exponential(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> scores(count);
  for (double& score : scores) score = 1 - std::log(1 - random.uniform());
  return scores;
}

TEST(TailThreshold, OfAnExponentialTail_IsItsQuantile) {
  const auto threshold = tail_threshold(exponential(4000, 1), 1e-3, 1);
  EXPECT_TRUE(threshold.fitted);
  EXPECT_NEAR(threshold.value, 1 + std::log(1000), 1.2);
  EXPECT_LT(threshold.low, 1 + std::log(1000));
  EXPECT_GT(threshold.high, 1 + std::log(1000));
}

// Its true shape is -1; what is fitted is kept at -0.2 and above, which errs to the cautious side.
TEST(TailThreshold, OfAUniform_StaysNearItsEnd) {
  Random random(2);
  std::vector<double> scores(4000);
  for (double& score : scores) score = random.uniform();
  EXPECT_NEAR(tail_threshold(scores, 1e-3, 1).value, 1.1, 0.1);
}

TEST(TailThreshold, WithFewScores_IsCautiousAndSaysSo) {
  const auto few = exponential(40, 3);
  const auto threshold = tail_threshold(few, 1e-3, 1);
  EXPECT_FALSE(threshold.fitted);
  EXPECT_GT(threshold.value, *std::ranges::max_element(few));
  EXPECT_GT(threshold.high - threshold.low, 0.5);
}

TEST(TailThreshold, IsTheSameForTheSameSeed) {
  const auto scores = exponential(300, 4);
  EXPECT_EQ(tail_threshold(scores, 1e-3, 5).high, tail_threshold(scores, 1e-3, 5).high);
}

}  // namespace
}  // namespace lineside::training
