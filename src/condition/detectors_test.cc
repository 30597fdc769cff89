#include "condition/detectors.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lineside::condition {
namespace {

// Two features that go together in normal windows, two that don't; all of variance 1 but the first axis.
Detectors detectors() {
  Detectors d;
  d.spread.assign(4, 1);
  const double half = std::sqrt(0.5);
  d.axes = Matrix(1, 4);
  d.axes.at(0, 0) = half;
  d.axes.at(0, 1) = half;
  d.axis_variance = {16};
  d.axis_variance_shrunk = {16};
  d.rest_variance_shrunk = 1;
  d.principal = 1;
  return d;
}

double raw(const std::vector<double>& z, DetectorKind kind) {
  const std::vector<FeatureInfo> features(z.size());
  const auto scores = raw_scores(detectors(), features, z, {});
  EXPECT_TRUE(scores);
  return scores ? (*scores)[static_cast<std::size_t>(kind)] : 0;
}

TEST(Surplus, CountsWhatGoesTogetherInNormalWindowsOnce) {
  EXPECT_NEAR(raw({4, 4, 0, 0}, DetectorKind::surplus), 1, 1e-6);
  EXPECT_NEAR(raw({0, 0, 4, 0}, DetectorKind::surplus), 4, 1e-6);
  EXPECT_GT(raw({4, -4, 0, 0}, DetectorKind::surplus), 3.9);
}

TEST(Surplus, CountsAFallHalf) { EXPECT_NEAR(raw({0, 0, -4, 0}, DetectorKind::surplus), 2, 1e-6); }

TEST(Extremes, TakeDeviationsAsTheyAre) {
  EXPECT_NEAR(raw({4, 4, 0, 0}, DetectorKind::extremes), 4, 1e-6);
  EXPECT_NEAR(raw({0, 0, -4, 0}, DetectorKind::extremes), 4, 1e-6);
}

}  // namespace
}  // namespace lineside::condition
