#include "condition/scorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "condition/health.h"
#include "condition/signs.h"

namespace lineside::condition {
namespace {

using testing::HasSubstr;

constexpr double kRate = 20'000;

std::vector<float> machine(double speed_hz, std::size_t samples, unsigned seed, double gain = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 0.3);
  std::vector<float> x(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    const double turn = 2 * std::numbers::pi * speed_hz * static_cast<double>(i) / kRate;
    x[i] = static_cast<float>(gain * (std::sin(turn) + 0.5 * std::sin(2 * turn) + normal(random)));
  }
  return x;
}

// A model made by hand from windows of one state: no detectors but the largest deviations.
Model waveform_model() {
  Model model;
  model.rate_hz = kRate;
  model.channels = {"x"};
  model.waveform = {.window = 4000, .hop = 2000, .bands = log_bands(4000, kRate), .demodulation = {{{2'000, 4'000}}}};
  model.features = waveform_features(model.waveform, model.channels);
  model.smooth_windows = 3;
  const Recording normal{.names = {"x"}, .channels = {machine(30, 40'000, 1)}};
  const auto windows = extract_windows(model, normal);
  State state{.name = "s1", .speed_hz = 0, .mean = std::vector<double>(model.features.size(), 0.0)};
  for (const auto& window : windows)
    for (std::size_t i = 0; i < state.mean.size(); ++i)
      state.mean[i] += window.x[i] / static_cast<double>(windows.size());
  state.signs.assign(Sign::kCount, 0.0);
  for (const auto& window : windows)
    for (std::size_t i = 0; i < state.signs.size(); ++i)
      state.signs[i] += window.signs[i] / static_cast<double>(windows.size());
  model.states = {state};
  model.sign_spread.assign(Sign::kCount, 0.4);
  model.detectors.spread.assign(model.features.size(), 0.3);
  model.detectors.members = {DetectorKind::extremes};
  model.detectors.threshold.assign(kDetectorKinds, 5.0);
  model.health = {{.rms_min = 0.6, .rms_max = 0.9, .same_run_max = 1}};
  return model;
}

std::vector<WindowScore> score(const Model& model, const std::vector<float>& x, double stated_rate_hz = 0) {
  const Scorer scorer(model, {});
  const Recording recording{.file = "x", .stated_rate_hz = stated_rate_hz, .names = {"x"}, .channels = {x}};
  auto scores = scorer.score(recording, model.rate_hz);
  EXPECT_TRUE(scores);
  return scores ? *scores : std::vector<WindowScore>{};
}

testing::AssertionResult all_are(const std::vector<WindowScore>& scores, Verdict verdict) {
  if (scores.empty()) return testing::AssertionFailure() << "no windows";
  for (const auto& row : scores)
    if (row.verdict != verdict)
      return testing::AssertionFailure() << row.start_s << " s: " << to_string(row.verdict) << " " << row.contributors;
  return testing::AssertionSuccess();
}

TEST(Scorer, AScoreThatIsNoNumberIsNotNormal) {
  Model model = waveform_model();
  model.detectors.members = {DetectorKind::autoencoder};
  const Scorer scorer(model, [](std::span<const float> z) -> Result<std::vector<float>> {
    return std::vector<float>(z.size(), std::numeric_limits<float>::quiet_NaN());
  });
  const auto scores = scorer.score({.file = "x", .names = {"x"}, .channels = {machine(30, 20'000, 2)}}, model.rate_hz);
  ASSERT_TRUE(scores);
  EXPECT_TRUE(all_are(*scores, Verdict::sensor_fault));
  EXPECT_EQ(scores->front().score, 0);
  EXPECT_EQ(scores->front().contributors, "the score is no number");
}

TEST(Scorer, NormalIsNormal) { EXPECT_TRUE(all_are(score(waveform_model(), machine(30, 20'000, 2)), Verdict::normal)); }

TEST(Scorer, AFaultIsAnAnomaly_ThatNamesItsFeatures) {
  std::vector<float> x = machine(30, 20'000, 3);
  for (std::size_t i = 0; i < x.size(); i += 200)
    for (std::size_t k = 0; k < 40 && i + k < x.size(); ++k)
      x[i + k] += static_cast<float>(6 * std::exp(-static_cast<double>(k) / 10) *
                                     std::sin(2 * std::numbers::pi * 3000 * static_cast<double>(k) / kRate));
  const auto scores = score(waveform_model(), x);
  EXPECT_TRUE(all_are(scores, Verdict::anomaly));
  EXPECT_THAT(scores.front().contributors, HasSubstr("Hz"));
}

TEST(Scorer, ScoresUseNothingFromLater) {
  const Model model = waveform_model();
  std::vector<float> x = machine(30, 30'000, 4);
  const auto whole = score(model, x);
  x.resize(18'000);
  const auto cut = score(model, x);
  ASSERT_LT(cut.size(), whole.size());
  for (std::size_t i = 0; i < cut.size(); ++i) EXPECT_EQ(cut[i].score, whole[i].score) << i;
}

TEST(Scorer, SensorFaults_AreNeverAnomalies) {
  const Model model = waveform_model();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> gaps = machine(30, 8'000, 5), flat(8'000, 0.7F), clipped = machine(30, 8'000, 6, 3),
                     dead = machine(30, 8'000, 7, 0.001), stuck = machine(30, 8'000, 8),
                     loud = machine(30, 8'000, 9, 10);
  for (std::size_t i = 1000; i < gaps.size(); i += 20) gaps[i] = nan;
  for (float& value : clipped) value = std::clamp(value, -2.0F, 2.0F);
  std::fill(stuck.begin() + 1000, stuck.begin() + 3000, stuck[1000]);
  for (const auto& x : {gaps, flat, clipped, dead, loud, std::vector<float>(8'000, nan), std::vector<float>(100, 1.0F),
                        std::vector<float>{}})
    EXPECT_TRUE(all_are(score(model, x), Verdict::sensor_fault));
  EXPECT_EQ(score(model, stuck).front().verdict, Verdict::sensor_fault);
  EXPECT_TRUE(all_are(score(model, machine(30, 8'000, 10), 8'000), Verdict::sensor_fault)) << "the file's own rate";
}

TEST(Scorer, AbsurdSamples_AreASensorFault) {
  const Model model = waveform_model();
  std::vector<float> spike = machine(30, 8'000, 18);
  for (std::size_t i = 700; i < spike.size(); i += 1000) spike[i] = 3e38F;
  for (const auto& x : {spike, machine(30, 8'000, 19, 1e25), machine(30, 8'000, 20, 1e37)})
    EXPECT_TRUE(all_are(score(model, x), Verdict::sensor_fault));
}

TEST(Scorer, AMissingChannel_IsASensorFault) {
  const Scorer scorer(waveform_model(), {});
  const auto scores = scorer.score({.file = "x", .names = {"y"}, .channels = {machine(30, 8'000, 11)}}, kRate);
  ASSERT_TRUE(scores);
  EXPECT_TRUE(all_are(*scores, Verdict::sensor_fault));
}

TEST(Scorer, AnotherRateThanTheModels_IsRefused) {
  const Scorer scorer(waveform_model(), {});
  const auto scores = scorer.score({.file = "x", .names = {"x"}, .channels = {machine(30, 8'000, 12)}}, 10'000);
  ASSERT_FALSE(scores);
  EXPECT_EQ(scores.error().code, ErrorCode::usage);
}

TEST(Scorer, AFasterRecording_IsBroughtToTheModelsRate) {
  const Model model = waveform_model();
  const Scorer scorer(model, {});
  // Twice as many samples of the same machine: each value and one between.
  const std::vector<float> slow = machine(30, 8'000, 16);
  std::vector<float> fast(2 * slow.size());
  for (std::size_t i = 0; i < fast.size(); ++i)
    fast[i] = i % 2 == 0 || i / 2 + 1 == slow.size() ? slow[i / 2] : 0.5F * (slow[i / 2] + slow[i / 2 + 1]);
  const auto scores = scorer.score({.file = "x", .names = {"x"}, .channels = {fast}}, 2 * kRate);
  ASSERT_TRUE(scores) << scores.error().message;
  EXPECT_EQ(scores->size(), 3U);
  EXPECT_TRUE(all_are(*scores, Verdict::normal));
}

TEST(Scorer, TimesThatGoBackwards_AreASensorsFaultOfThatWindow) {
  const Scorer scorer(waveform_model(), {});
  Recording recording{.file = "x", .stated_rate_hz = kRate, .names = {"x"}, .channels = {machine(30, 8'000, 17)}};
  for (std::size_t i = 0; i < 8'000; ++i) recording.times_s.push_back(100 + static_cast<double>(i) / kRate);
  recording.times_s[7000] = 0;
  const auto scores = scorer.score(recording, kRate);
  ASSERT_TRUE(scores);
  EXPECT_EQ(scores->front().verdict, Verdict::normal);
  EXPECT_EQ(scores->back().verdict, Verdict::sensor_fault);
  EXPECT_THAT(scores->back().contributors, HasSubstr("backwards"));
}

TEST(Scorer, AFewMissingSamples_AreBridged) {
  std::vector<float> x = machine(30, 8'000, 13);
  for (std::size_t i = 500; i < 520; ++i) x[i] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(all_are(score(waveform_model(), x), Verdict::normal));
}

TEST(Scorer, AClearOtherSpeed_IsAnUnknownStateButScored) {
  Model model = waveform_model();
  model.states.front().speed_hz = 30;
  const auto scores = score(model, machine(47, 8'000, 14));
  EXPECT_TRUE(all_are(scores, Verdict::unknown_state));
  EXPECT_GT(scores.front().score, 0);
}

TEST(Model, ComesBackFromItsJson) {
  const Model model = waveform_model();
  const auto again = parse_model(to_json(model));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_json(*again), to_json(model));
}

TEST(Model, OfBeforeADetectorWasAdded_IsStillRead) {
  Model model = waveform_model();
  model.detectors.threshold.resize(8);
  const auto back = parse_model(to_json(model));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->detectors.threshold.size(), kDetectorKinds);
  model.detectors.threshold.resize(7);
  EXPECT_FALSE(parse_model(to_json(model)));
}

TEST(Model, ThatDoesNotFitItself_IsRefused) {
  Model model = waveform_model();
  model.states.front().mean.pop_back();
  EXPECT_FALSE(parse_model(to_json(model)));
  EXPECT_FALSE(parse_model("{}"));
  EXPECT_FALSE(parse_model("nothing"));
}

TEST(Csv, QuotesWhatNeedsIt) {
  const std::string text = to_csv("a,b.csv", {{.start_s = 0.5, .score = 2, .contributors = "x \"y\""}});
  EXPECT_EQ(text, "\"a,b.csv\",0.500000,2,1,normal,,\"x \"\"y\"\"\"\n");
}

TEST(RowHealth, SaysStuckAndTenfold_ButNotAChangeOfLevel) {
  std::mt19937 random(15);
  std::normal_distribution<float> normal(0, 0.1F);
  std::vector<float> values(400);
  for (float& value : values) value = 30 + normal(random);
  const ChannelHealth learned = learn_row_health(values);
  RowHealth stuck(learned), tenfold(learned), level(learned);
  std::optional<std::string> last;
  for (int i = 0; i < 40; ++i) last = stuck.next(30);
  EXPECT_EQ(last, "stuck");
  for (int i = 0; i < 60; ++i) last = tenfold.next(10 * (30 + normal(random)));
  EXPECT_THAT(last.value_or(""), HasSubstr("gain"));
  for (int i = 0; i < 60; ++i) EXPECT_FALSE(level.next(20 + normal(random)));
  EXPECT_EQ(level.next(std::numeric_limits<float>::quiet_NaN()), "missing");
}

}  // namespace
}  // namespace lineside::condition
