#include "training/condition_vary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "condition/scorer.h"

namespace lineside::training {
namespace {

constexpr double kRate = 4'000, kTone = 100;

condition::Recording tone(std::size_t samples) {
  condition::Recording recording{.names = {"x", "y"}, .channels = {{}, {}}};
  for (std::size_t i = 0; i < samples; ++i) {
    const double turn = 2 * std::numbers::pi * kTone * static_cast<double>(i) / kRate;
    recording.channels[0].push_back(static_cast<float>(std::sin(turn)));
    recording.channels[1].push_back(static_cast<float>(3 * std::cos(turn)));
  }
  return recording;
}

double rms(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * value;
  return std::sqrt(sum / static_cast<double>(x.size()));
}

// By the times of the first and the last rise through zero.
double frequency(const std::vector<float>& x) {
  double first = -1, last = 0;
  int rises = 0;
  for (std::size_t i = 1; i < x.size(); ++i)
    if (x[i - 1] < 0 && x[i] >= 0) {
      last = static_cast<double>(i) - x[i] / (x[i] - x[i - 1]);
      if (first < 0)
        first = last;
      else
        ++rises;
    }
  return rises * kRate / (last - first);
}

TEST(OtherDay, ChangesLevelAndSpeedALittle) {
  const auto recording = tone(4'100);
  double lowest = 10, highest = 0, slowest = 1'000, quickest = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const auto channels = OtherDay(2, kRate, random).window(recording, 0, 4'000);
    ASSERT_EQ(channels.size(), 2U);
    ASSERT_EQ(channels[0].size(), 4'000U);
    const double level = rms(channels[1]) / rms(recording.channels[1]), hz = frequency(channels[1]);
    lowest = std::min(lowest, level), highest = std::max(highest, level);
    slowest = std::min(slowest, hz), quickest = std::max(quickest, hz);
  }
  EXPECT_GT(lowest, 0.6);
  EXPECT_LT(lowest, 0.95);
  EXPECT_GT(highest, 1.05);
  EXPECT_LT(highest, 1.7);
  EXPECT_GT(slowest, kTone * 0.98);
  EXPECT_LT(slowest, kTone * 0.995);
  EXPECT_GT(quickest, kTone * 1.005);
  EXPECT_LT(quickest, kTone * 1.02);
}

TEST(OtherDay, TakesTheLastWindowOfARecording_AndMissingSamples) {
  auto recording = tone(4'000);
  recording.channels[0][3'900] = std::numeric_limits<float>::quiet_NaN();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    for (const auto& channel : OtherDay(2, kRate, random).window(recording, 2'000, 2'000))
      for (const float value : channel) ASSERT_TRUE(std::isfinite(value));
  }
}

TEST(Vary, GivesOtherDaysOfEachWindow_ThatKeepWhereTheyCameFrom) {
  condition::Model model;
  model.rate_hz = kRate;
  model.channels = {"x", "y"};
  model.waveform = {.window = 2'000,
                    .hop = 1'000,
                    .bands = condition::log_bands(2'000, kRate),
                    .demodulation = {{{500, 1'000}}, {{500, 1'000}}}};
  model.features = condition::waveform_features(model.waveform, model.channels);
  const std::vector<condition::Recording> recordings{tone(4'000), tone(4'000)};
  std::vector<Sample> samples;
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t w = 0; w < 3; ++w) {
      Sample sample;
      sample.recording = r, sample.window = w, sample.state = r, sample.fold = 4 - r;
      samples.push_back(sample);
    }
  const auto varied = vary(samples, recordings, model, 7);
  ASSERT_EQ(varied.size(), 36U);
  for (const Sample& sample : varied) {
    EXPECT_EQ(sample.x.size(), model.features.size());
    EXPECT_GT(sample.day, 0U);
    EXPECT_EQ(sample.state, sample.recording);
    EXPECT_EQ(sample.fold, 4 - sample.recording);
  }
  EXPECT_NE(varied[0].x, varied[6].x) << "another day";
  EXPECT_EQ(varied[0].x, vary(samples, recordings, model, 7)[0].x);
  for (std::size_t i = samples.size(); i < 2'000; ++i) samples.push_back(samples[i % 6]);
  EXPECT_LE(vary(samples, recordings, model, 7).size(), 300U);
}

TEST(VariationShare, FallsWithRecordingsOfTheSameState) {
  std::vector<Sample> samples(10);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i].recording = i, samples[i].state = i;
  EXPECT_DOUBLE_EQ(variation_share(samples), 1);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i].state = i / 2;
  EXPECT_DOUBLE_EQ(variation_share(samples), 3.0 / 8);
}

}  // namespace
}  // namespace lineside::training
