#include "training/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <format>
#include <numbers>
#include <tuple>

#include "base/file.h"
#include "base/test_folder.h"
#include "bundle/bundle.h"
#include "condition/scorer.h"
#include "training/autoencoder.h"
#include "training/condition_fit.h"
#include "training/random.h"

namespace lineside::training {
namespace {

using testing::HasSubstr;

constexpr double kRate = 5'000;

// A shaft with two orders and noise; a damaged one strikes a resonance.
std::string recording(double speed_hz, std::uint64_t seed, bool damaged, double strength = 2) {
  Random random(seed);
  const auto samples = static_cast<std::size_t>(2 * kRate);
  std::vector<double> x(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    const double turn = 2 * std::numbers::pi * speed_hz * static_cast<double>(i) / kRate;
    x[i] = speed_hz / 30 * (std::sin(turn) + 0.4 * std::sin(2 * turn)) + 0.3 * random.normal();
  }
  for (double at = 10; damaged && at < static_cast<double>(samples) - 40; at += kRate / (3.6 * speed_hz))
    for (std::size_t k = 0; k < 30; ++k)
      x[static_cast<std::size_t>(at) + k] += strength * std::exp(-static_cast<double>(k) / 8) *
                                             std::sin(2 * std::numbers::pi * 1300 * static_cast<double>(k) / kRate);
  std::string text;
  for (const double value : x) text += std::format("{:.5f},{:.5f}\n", value, 0.5 * value + 0.1 * random.normal());
  return text;
}

class ConditionTraining : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_.path() / "healthy");
    int number = 0;
    for (const double speed : {15.0, 20.0, 25.0, 30.0, 40.0})
      for (int repeat = 0; repeat < 2; ++repeat, ++number)
        ASSERT_TRUE(write_atomically(folder_.path() / "healthy" / std::format("{}.csv", number),
                                     recording(speed, static_cast<std::uint64_t>(number), false)));
    options_ = {.inputs = {(folder_.path() / "healthy").string()},
                .rate_hz = kRate,
                .out = folder_.path() / "m.lsb",
                .key = folder_.path() / "key.pem"};
  }
  Result<ConditionReport> train() {
    return train_condition(options_, system_clock(), [](const std::string&) {}, [] { return false; });
  }
  // Mean score of a recording by the bundle.
  std::pair<double, double> anomaly_share_and_score(const std::string& csv) {
    const auto opened = bundle::Bundle::open(options_.out, {.inspect_only = true});
    EXPECT_TRUE(opened) << opened.error().message;
    const auto scorer = condition::Scorer::create(*opened, "");
    EXPECT_TRUE(scorer) << scorer.error().message;
    const auto scores = (*scorer)->score(*condition::parse_csv(csv, "x", {}), kRate);
    double anomalies = 0, sum = 0;
    for (const auto& row : *scores) anomalies += row.verdict == condition::Verdict::anomaly ? 1 : 0, sum += row.score;
    const auto count = static_cast<double>(scores->size());
    return {anomalies / count, sum / count};
  }
  TestFolder folder_;
  ConditionOptions options_;
};

TEST_F(ConditionTraining, TellsADamagedMachineFromAGoodOne_AtEverySpeed) {
  const auto report = train();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->model.states.size(), 4U);
  for (const double speed : {15.0, 25.0, 40.0}) {
    const auto [good_share, good_score] = anomaly_share_and_score(recording(speed, 100, false));
    const auto [bad_share, bad_score] = anomaly_share_and_score(recording(speed, 101, true));
    EXPECT_LT(good_share, 0.2) << speed;
    EXPECT_GT(bad_share, 0.8) << speed;
    EXPECT_GT(bad_score, 2 * good_score) << speed;
  }
  EXPECT_THAT(describe(*report), HasSubstr("threshold"));
}

// Means of features over windows of recordings; a window each.
std::vector<Sample> samples_of(const std::vector<std::vector<float>>& means) {
  std::vector<Sample> samples;
  for (std::size_t r = 0; r < means.size(); ++r) samples.push_back({.x = means[r], .signs = {}, .recording = r});
  return samples;
}

TEST(OutlyingRecordings, AreThoseThatStrikeHarderThanAllOthers) {
  const std::vector<condition::FeatureInfo> features{{.channel = "x", .name = "spectral kurtosis 1-2 kHz"},
                                                     {.channel = "x", .name = "spectral kurtosis 2-4 kHz"},
                                                     {.channel = "x", .name = "spectral kurtosis 4-8 kHz"},
                                                     {.channel = "x", .name = "rms"}};
  // Faster is louder and strikes a little harder.
  std::vector<std::vector<float>> means;
  for (int speed = 0; speed < 5; ++speed) {
    const float s = static_cast<float>(speed);
    means.push_back({0.7F + 0.03F * s, 0.7F + 0.05F * s, 0.7F - 0.02F * s, s});
    means.push_back({0.72F + 0.03F * s, 0.69F + 0.05F * s, 0.7F - 0.02F * s, s});
  }
  EXPECT_TRUE(outlying_recordings(samples_of(means), features).empty());
  means[3] = {1.9F, 1.5F, 2.2F, 1};
  const auto found = outlying_recordings(samples_of(means), features);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().recording, 3U);
  means[7] = means[3];
  EXPECT_TRUE(outlying_recordings(samples_of(means), features).empty()) << "two alike may be a state of its own";
}

TEST(OutlyingRecordings, AKnockInOneWindowIsNoFault) {
  const std::vector<condition::FeatureInfo> features{{.channel = "x", .name = "spectral kurtosis 1-2 kHz"}};
  std::vector<Sample> samples;
  for (std::size_t r = 0; r < 8; ++r)
    for (std::size_t w = 0; w < 3; ++w)
      samples.push_back({.x = {0.7F + 0.01F * static_cast<float>(r)}, .signs = {}, .recording = r, .window = w});
  samples[4].x = {3};
  EXPECT_TRUE(outlying_recordings(samples, features).empty());
  samples[3].x = samples[5].x = {3};
  EXPECT_EQ(outlying_recordings(samples, features).size(), 1U);
}

TEST_F(ConditionTraining, LeavesOutADamagedRecordingAmongGoodOnes) {
  const auto file = folder_.path() / "healthy" / "5.csv";
  ASSERT_TRUE(write_atomically(file, recording(25, 50, true, 8)));
  std::string said;
  const auto report = train_condition(
      options_, system_clock(), [&said](const std::string& line) { said += line + "\n"; }, [] { return false; });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(said, testing::AllOf(HasSubstr("left out"), HasSubstr(file.string())));
  EXPECT_GT(anomaly_share_and_score(recording(25, 101, true, 8)).first, 0.8);
}

TEST_F(ConditionTraining, GivesTheSameBundleForTheSameSeed) {
  ASSERT_TRUE(train());
  const auto first = *read_bytes(options_.out);
  ASSERT_TRUE(train());
  EXPECT_EQ(first, *read_bytes(options_.out));
}

TEST_F(ConditionTraining, StoppedHalfWay_LeavesNoBundle) {
  for (const int after : {1, 8, 14}) {
    int asked = 0;
    const auto report =
        train_condition(options_, system_clock(), [](const std::string&) {}, [&] { return ++asked > after; });
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::cancelled);
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_FALSE(entry.path().string().contains(".lsb")) << entry.path();
  }
}

TEST_F(ConditionTraining, TakesAnAssetAndARateOfFalseAlarms) {
  ASSERT_TRUE(write_atomically(folder_.path() / "asset.yaml",
                               "unit: g\niso_group: 2\nbearings:\n  - {outer_order: 3.6, inner_order: 5.4}\n"));
  options_.asset = folder_.path() / "asset.yaml";
  options_.false_alarms_per_month = 1;
  const auto report = train();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(std::ranges::contains(report->model.features, "outer race of bearing 1", &condition::FeatureInfo::name));
  EXPECT_LT(report->false_alarm_share, 1e-5);
  ASSERT_TRUE(
      write_atomically(folder_.path() / "asset.yaml", "bearings:\n  - {balls: 40, ball_mm: 8, pitch_mm: 39}\n"));
  const auto senseless = train();
  ASSERT_FALSE(senseless);
  EXPECT_EQ(senseless.error().code, ErrorCode::config_invalid);
}

TEST_F(ConditionTraining, RefusesWhatCarriesNoSignal) {
  ASSERT_TRUE(write_atomically(folder_.path() / "flat.csv", "1,1\n1,1\n1,1\n1,1\n"));
  options_.inputs = {(folder_.path() / "flat.csv").string()};
  const auto report = train();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::dataset_invalid);
  EXPECT_FALSE(std::filesystem::exists(options_.out));
}

// A pump in rows of a second: a flow that jitters, a temperature that drifts and wanders.
std::string pump(std::uint64_t seed, int from, int rows, double flow_from_half_on) {
  Random random(seed);
  std::string text = "flow,temperature,current\n";
  for (int i = from; i < from + rows; ++i) {
    const double fault = i >= from + rows / 2 ? flow_from_half_on : 0;
    text += std::format("{:.4f},{:.4f},{:.4f}\n", 30 + 0.5 * random.normal() + fault,
                        60 + 0.003 * i + 0.5 * std::sin(i / 70.0) + 0.05 * random.normal(), 2 + 0.1 * random.normal());
  }
  return text;
}

TEST(TelemetryTraining, FollowsADrift_AndSeesAStep) {
  TestFolder folder;
  ASSERT_TRUE(write_atomically(folder.path() / "normal.csv", pump(1, 0, 400, 0)));
  const ConditionOptions options{.inputs = {(folder.path() / "normal.csv").string()},
                                 .rate_hz = 1,
                                 .out = folder.path() / "m.lsb",
                                 .key = folder.path() / "key.pem"};
  const auto report = train_condition(options, system_clock(), [](const std::string&) {}, [] { return false; });
  ASSERT_TRUE(report) << report.error().message;
  const auto opened = bundle::Bundle::open(options.out, {.inspect_only = true});
  ASSERT_TRUE(opened) << opened.error().message;
  const auto scorer = condition::Scorer::create(*opened, "");
  ASSERT_TRUE(scorer) << scorer.error().message;
  const auto verdicts = [&](const std::string& csv) {
    const auto scores = (*scorer)->score(*condition::parse_csv(csv, "x", {}), 1);
    std::pair<int, int> halves{};  // anomalies in the first half and in the second
    bool drift = false;
    for (std::size_t i = 0; i < scores->size(); ++i) {
      (i < scores->size() / 2 ? halves.first : halves.second) += (*scores)[i].verdict == condition::Verdict::anomaly;
      drift = drift || (*scores)[i].explanation.drift;
    }
    return std::tuple{halves.first, halves.second, drift};
  };
  const auto [early, late, drift] = verdicts(pump(2, 400, 4'000, 0));
  EXPECT_LE(early + late, 40) << "twelve degrees in four thousand rows";
  EXPECT_TRUE(drift);
  const auto [before, after, moved] = verdicts(pump(3, 0, 400, 3));
  EXPECT_LE(before, 4);
  EXPECT_GE(after, 180);
  EXPECT_FALSE(moved);
}

TEST(Autoencoder, LearnsWhatNormalRowsHaveInCommon) {
  Random random(1);
  std::vector<std::vector<float>> rows;
  for (int i = 0; i < 300; ++i) {
    const double a = random.normal(), b = random.normal();
    rows.push_back({static_cast<float>(a), static_cast<float>(b), static_cast<float>(a + b), static_cast<float>(a - b),
                    static_cast<float>(-a), static_cast<float>(0.5 * b), 0, 0});
  }
  const auto layers = train_autoencoder(rows, {.hidden = 16, .middle = 3}, 1);
  ASSERT_TRUE(layers) << layers.error().message;
  const auto error = [&](const std::vector<float>& row) {
    const auto back = run_layers(*layers, row);
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); ++i) sum += std::pow(row[i] - back[i], 2);
    return std::sqrt(sum);
  };
  EXPECT_LT(error({1, 0.5F, 1.5F, 0.5F, -1, 0.25F, 0, 0}), 0.5);
  EXPECT_GT(error({1, 0.5F, -1.5F, 0.5F, 1, 0.25F, 1, -1}), 1.5);
}

}  // namespace
}  // namespace lineside::training
