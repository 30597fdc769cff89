#include "training/statistics.h"

#include <gtest/gtest.h>

namespace lineside::training {
namespace {

std::vector<Scored> scored(std::initializer_list<double> goods, std::initializer_list<double> rejects) {
  std::vector<Scored> result;
  for (const double score : goods) result.push_back({score, false});
  for (const double score : rejects) result.push_back({score, true});
  return result;
}

TEST(Auroc, CountsRightlyOrderedPairs_AndTiesHalf) {
  EXPECT_DOUBLE_EQ(auroc(scored({1, 2}, {3, 4})), 1);
  EXPECT_DOUBLE_EQ(auroc(scored({3, 4}, {1, 2})), 0);
  EXPECT_DOUBLE_EQ(auroc(scored({1, 3}, {2, 4})), 0.75);
  EXPECT_DOUBLE_EQ(auroc(scored({1}, {1})), 0.5);
  EXPECT_DOUBLE_EQ(auroc(scored({1, 2}, {})), 0.5);
}

TEST(Wilson, MatchesPublishedIntervals) {  // Newcombe 1998, table I, method 3
  const auto a = wilson(81, 263);
  EXPECT_NEAR(a.low, 0.2553, 5e-5);
  EXPECT_NEAR(a.high, 0.3662, 5e-5);
  const auto b = wilson(0, 20);
  EXPECT_DOUBLE_EQ(b.low, 0);
  EXPECT_NEAR(b.high, 0.1611, 5e-5);
  const auto c = wilson(29, 29);
  EXPECT_NEAR(c.low, 0.8830, 5e-5);
  EXPECT_DOUBLE_EQ(c.high, 1);
}

TEST(Calibration, PutsTheMiddleOfTwoClassesAtOneHalf_WhateverTheirNumbers) {
  std::vector<Scored> logits;
  for (int i = 0; i < 300; ++i) logits.push_back({-4.0 + 0.01 * i, false});
  for (int i = 0; i < 30; ++i) logits.push_back({-2.0 + 0.1 * i, true});
  const Calibration calibration = fit_calibration(logits);
  EXPECT_GT(calibration.slope, 0);
  EXPECT_NEAR(calibration.apply(-1.5), 0.5, 0.03);
}

TEST(Calibration, StaysUsable_WhenScoresAreInverted) {
  const Calibration calibration = fit_calibration(scored({3, 4, 5}, {0, 1, 2}));
  EXPECT_GT(calibration.slope, 0);
  EXPECT_LE(calibration.apply(0), calibration.apply(5));
}

TEST(Threshold, LiesInTheGap_WhenTheClassesAreApart) {
  const auto threshold = choose_threshold(scored({0.01, 0.1}, {0.6, 0.9}), 0.02);
  EXPECT_GT(threshold.value, 0.1);
  EXPECT_LT(threshold.value, 0.6);
  EXPECT_FALSE(threshold.target_provable);
  EXPECT_EQ(threshold.false_reject.count, 0U);
}

TEST(Threshold, KeepsTheFalseRejectTarget_WhenThereAreEnoughGoods) {
  std::vector<Scored> items;
  for (int i = 0; i < 300; ++i) items.push_back({i / 400.0, false});
  for (int i = 0; i < 100; ++i) items.push_back({0.5 + i / 250.0, true});
  const auto threshold = choose_threshold(items, 0.02);
  EXPECT_TRUE(threshold.target_provable);
  EXPECT_LE(threshold.false_reject.value, 0.02);
  EXPECT_GE(threshold.false_reject.count, 5U);  // and does not give away more escapes than it must
}

TEST(Threshold, BalancesErrors_WhenTheClassesOverlapAndNoTargetWasAskedFor) {
  const auto few = choose_threshold(scored({0.1, 0.2, 0.7}, {0.4, 0.8, 0.9}), 0);
  EXPECT_DOUBLE_EQ(few.value, 0.5);
  EXPECT_TRUE(few.balanced);
  std::vector<Scored> items;
  for (int i = 0; i < 300; ++i) items.push_back({i / 400.0, false});
  for (int i = 0; i < 100; ++i) items.push_back({0.3 + i / 150.0, true});
  EXPECT_DOUBLE_EQ(choose_threshold(items, 0).value, 0.5);
  EXPECT_GT(choose_threshold(items, 0.02).value, 0.7);  // asked for, so kept, whatever escapes
}

TEST(Threshold, GoesBelowTheBalance_WhenFewGoodsAreAllFarBelowIt) {
  std::vector<Scored> items = scored({}, {0.012, 0.3, 0.9, 0.95, 0.99});
  for (int i = 0; i < 20; ++i) items.push_back({0.01 + 0.0005 * i, false});
  const auto threshold = choose_threshold(items, 0);
  EXPECT_GT(threshold.value, 0.0195);
  EXPECT_LT(threshold.value, 0.05);
  EXPECT_FALSE(threshold.balanced);
  EXPECT_DOUBLE_EQ(threshold.value, choose_threshold(items, kUsualTarget).value);
}

TEST(Figures, CountTheConfusionMatrix) {
  const auto test = figures(scored({0.1, 0.2, 0.7}, {0.4, 0.8, 0.9, 0.95}), 0.5);
  EXPECT_EQ(test.true_pass, 2U);
  EXPECT_EQ(test.false_reject_count, 1U);
  EXPECT_EQ(test.escape_count, 1U);
  EXPECT_EQ(test.true_reject, 3U);
  EXPECT_DOUBLE_EQ(test.escape.value, 0.25);
}

}  // namespace
}  // namespace lineside::training
