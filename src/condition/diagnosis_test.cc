#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "condition/detectors.h"
#include "condition/explain.h"
#include "condition/features.h"
#include "condition/health.h"
#include "condition/resample.h"
#include "condition/signs.h"

namespace lineside::condition {
namespace {

using testing::HasSubstr;

constexpr double kRate = 10'000, kSpeed = 29, kTurn = 2 * std::numbers::pi;
constexpr std::size_t kWindow = 10'000;

struct Made {
  double once = 1, twice = 0.4, noise = 0.3, passing_hz = 0, hits = 3, mains = 0, rate = kRate;
};

// A shaft with five orders and noise; with `passing_hz` something strikes a resonance at 3 kHz.
std::vector<float> machine(const Made& made, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, made.noise);
  std::vector<double> x(kWindow);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double t = static_cast<double>(i) / made.rate;
    x[i] = normal(random) + made.once * std::sin(kTurn * kSpeed * t) + made.twice * std::sin(2 * kTurn * kSpeed * t) +
           0.2 * std::sin(3 * kTurn * kSpeed * t) + made.mains * std::sin(kTurn * 100 * t);
  }
  for (double at = 20; made.passing_hz > 0 && at + 60 < kWindow; at += made.rate / made.passing_hz)
    for (std::size_t k = 0; k < 60; ++k)
      x[static_cast<std::size_t>(at) + k] += made.hits * std::exp(-static_cast<double>(k) / 9) *
                                             std::sin(kTurn * 3000 * static_cast<double>(k) / made.rate);
  return {x.begin(), x.end()};
}

class Diagnosis : public testing::Test {
 protected:
  void SetUp() override {
    model_.rate_hz = kRate;
    model_.channels = {"x"};
    model_.waveform.window = kWindow;
    model_.waveform.hop = kWindow / 2;
    model_.waveform.bands = log_bands(kWindow, kRate);
    model_.waveform.demodulation = {{{2'000, 4'000}, {1'000, 2'000}}};
    model_.waveform.asset.bearings = {{.name = "DE", .outer = 3.58, .inner = 5.42, .ball = 2.36, .cage = 0.4}};
    model_.features = waveform_features(model_.waveform, model_.channels);
    State state{.name = "s1", .speed_hz = kSpeed, .mean = std::vector<double>(model_.features.size(), 0.0)};
    state.signs.assign(Sign::kCount, 0.0);
    for (unsigned seed = 0; seed < 6; ++seed) {
      const Window w = extract(machine({}, seed));
      for (std::size_t i = 0; i < w.x.size(); ++i) state.mean[i] += w.x[i] / 6;
      for (std::size_t i = 0; i < w.signs.size(); ++i) state.signs[i] += w.signs[i] / 6;
    }
    model_.states = {state};
    model_.sign_spread.assign(Sign::kCount, 0.4);
    model_.detectors.spread.assign(model_.features.size(), 0.2);
  }
  struct Window {
    std::vector<float> x, signs;
    Speed speed;
  };
  Window extract(const std::vector<float>& samples) const {
    WaveformExtractor extractor(model_.waveform, kRate);
    const std::vector<std::span<const float>> spans{samples};
    Window w{.x = extractor.extract(spans), .signs = extractor.signs(), .speed = extractor.speed()};
    return w;
  }
  Explanation explain_made(const Made& made) const {
    const Window w = extract(machine(made, 77));
    EXPECT_NEAR(w.speed.hz, kSpeed, 0.6);
    return explain(model_, model_.states.front(), w.x, w.signs, w.speed.hz,
                   deviations(model_.states.front(), model_.detectors, w.x));
  }
  Model model_;
};

TEST_F(Diagnosis, OfNormal_IsNone) { EXPECT_EQ(explain_made({}).pattern, Pattern::none); }

TEST_F(Diagnosis, FirstOrder_IsUnbalance) {
  const Explanation e = explain_made({.once = 3});
  EXPECT_EQ(e.pattern, Pattern::unbalance);
  EXPECT_GT(e.confidence, 0.5);
  EXPECT_THAT(e.evidence.front(), HasSubstr("1x"));
  EXPECT_THAT(to_text(e), HasSubstr("pattern unbalance"));
}

TEST_F(Diagnosis, SecondOrder_IsMisalignment) { EXPECT_EQ(explain_made({.twice = 3}).pattern, Pattern::misalignment); }

TEST_F(Diagnosis, MainsThatAreNoOrder_AreElectrical) {
  EXPECT_EQ(explain_made({.mains = 1}).pattern, Pattern::electrical);
}

TEST_F(Diagnosis, ImpactsAtABearingsOrders_NameItsPart) {
  EXPECT_EQ(explain_made({.passing_hz = 3.58 * kSpeed}).pattern, Pattern::outer_race);
  EXPECT_EQ(explain_made({.passing_hz = 5.42 * kSpeed}).pattern, Pattern::inner_race);
  const Explanation ball = explain_made({.passing_hz = 2 * 2.36 * kSpeed});
  EXPECT_EQ(ball.pattern, Pattern::ball);
  EXPECT_THAT(to_text(ball), HasSubstr("BSF of DE"));
}

TEST_F(Diagnosis, SaysTheZone_WhereUnitAndGroupAreKnown) {
  model_.waveform.asset.mm_s2_per_unit = 1000;
  model_.waveform.asset.iso_group = 2;
  const Explanation e = explain_made({});
  // 1/(2 pi 29) of 1/sqrt 2 m/s2 and the orders above it.
  EXPECT_NEAR(e.velocity_mm_s, 3.95, 0.3);
  EXPECT_EQ(e.iso_zone, 'C');
}

TEST(Clock, BackwardsAndSlow_AreASensorsFault) {
  std::vector<double> times(1000);
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = 1.6e9 + static_cast<double>(i) / kRate;
  EXPECT_FALSE(clock_fault(times, kRate, 0, 1000));
  EXPECT_FALSE(clock_fault({}, kRate, 0, 1000));
  const auto slow = clock_fault(times, 0.9 * kRate, 0, 1000);
  ASSERT_TRUE(slow);
  EXPECT_THAT(*slow, HasSubstr("0.9 times as long"));
  times[500] = times[400];
  EXPECT_EQ(clock_fault(times, kRate, 0, 1000), "time goes backwards");
  EXPECT_EQ(clock_fault(times, 1, 500, 1), "time goes backwards");
  EXPECT_FALSE(clock_fault(times, 1, 499, 1));
}

TEST(Resample, KeepsWhatTheRateHoldsAndTakesAwayTheRest) {
  const auto tone = [](double hz) {
    std::vector<float> x(20'000);
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(std::sin(kTurn * hz * static_cast<double>(i) / 20'000));
    return x;
  };
  const auto rms = [](std::span<const float> x) {
    double sum = 0;
    for (const float value : x) sum += static_cast<double>(value) * value;
    return std::sqrt(sum / static_cast<double>(x.size()));
  };
  const auto kept = resample(tone(1000), 20'000, 8000);
  ASSERT_EQ(kept.size(), 8000U);
  for (std::size_t i = 200; i < 7800; ++i)
    EXPECT_NEAR(kept[i], std::sin(kTurn * 1000 * static_cast<double>(i) / 8000), 2e-3) << i;
  const auto gone = resample(tone(5500), 20'000, 8000);
  EXPECT_LT(rms(std::span(gone).subspan(200, 7600)), 1e-3);
}

}  // namespace
}  // namespace lineside::condition
