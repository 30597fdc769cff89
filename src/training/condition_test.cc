#include "training/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <format>
#include <numbers>

#include "base/file.h"
#include "base/test_folder.h"
#include "bundle/bundle.h"
#include "condition/scorer.h"
#include "training/autoencoder.h"
#include "training/random.h"

namespace lineside::training {
namespace {

using testing::HasSubstr;

constexpr double kRate = 5'000;

// A shaft with two orders and noise; a damaged one strikes a resonance.
std::string recording(double speed_hz, std::uint64_t seed, bool damaged, double seconds = 2) {
  Random random(seed);
  const auto samples = static_cast<std::size_t>(seconds * kRate);
  std::vector<double> x(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    const double turn = 2 * std::numbers::pi * speed_hz * static_cast<double>(i) / kRate;
    x[i] = speed_hz / 30 * (std::sin(turn) + 0.4 * std::sin(2 * turn)) + 0.3 * random.normal();
  }
  for (double at = 10; damaged && at < static_cast<double>(samples) - 40; at += kRate / (3.6 * speed_hz))
    for (std::size_t k = 0; k < 30; ++k)
      x[static_cast<std::size_t>(at) + k] += 2 * std::exp(-static_cast<double>(k) / 8) *
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
