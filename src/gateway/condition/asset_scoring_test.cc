// Assets with a model made by hand: telemetry of one channel.
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <thread>

#include "base/test_folder.h"
#include "condition/health.h"
#include "gateway/condition/asset.h"
#include "inference/test_models.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

constexpr double kRate = 100;
constexpr std::size_t kRows = 50;  // of a block

class Records final : public RecordSink {
 public:
  void put(Lane, RecordBody body) override {
    const std::lock_guard lock(mutex_);
    if (auto* event = std::get_if<EventRecord>(&body)) events_.push_back(event->type);
    if (auto* summary = std::get_if<AssetSummary>(&body)) summaries_.push_back(std::move(*summary));
  }
  std::ptrdiff_t count(const std::string& type) {
    const std::lock_guard lock(mutex_);
    return std::ranges::count(events_, type);
  }
  std::vector<AssetSummary> summaries() {
    const std::lock_guard lock(mutex_);
    return summaries_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> events_;
  std::vector<AssetSummary> summaries_;
};

// Normal noise around `level(row)`, in its deviations.
class Signal {
 public:
  explicit Signal(unsigned seed) : random_(seed) {}
  std::vector<float> rows(std::size_t count, double (*level)(std::size_t) = [](std::size_t) { return 0.0; }) {
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(level(row_++)) + normal_(random_));
    return values;
  }

 private:
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  std::size_t row_ = 0;
};

condition::Model model_of_one_channel() {
  condition::Model model;
  model.regime = condition::Regime::telemetry;
  model.rate_hz = kRate;
  model.channels = {"x"};
  const condition::Recording normal{.file = "normal", .names = {"x"}, .channels = {Signal(1).rows(400)}};
  model.telemetry = condition::learn_telemetry(std::span(&normal, 1));
  model.telemetry.baseline_rows = 50;
  model.telemetry.follow = {{.mean = 0, .fully = 1.5, .until = 3}};
  model.features = condition::telemetry_features(model.channels);
  model.health = {condition::learn_row_health(normal.channels[0])};
  model.states = {{.name = "s1", .mean = {0.0}, .signs = {}}};
  model.detectors.spread = {0.5};
  model.detectors.members = {condition::DetectorKind::powers};
  model.detectors.threshold.assign(condition::kDetectorKinds, 1.0);
  model.detectors.ensemble_threshold = 4;
  return model;
}

class AssetScoring : public ::testing::Test {
 protected:
  AssetScoring() {
    settings_ = {.name = "m1", .rate_hz = kRate, .channels = {{.name = "x"}}, .queue_blocks = 1000};
    settings_.bundle = (folder_.path() / "m1.lsb").string();
    settings_.stall_max = 1h;
  }
  void write(std::uint64_t counter) {
    inference::TestModel onnx({1, 1});
    const std::string json = condition::to_json(model_of_one_channel());
    bundle::Manifest manifest{
        .name = "m1", .version = std::to_string(counter), .counter = counter, .task = "condition"};
    manifest.input = {.name = "image", .shape = {1, 1}};
    const auto graph = onnx.op("Identity").finish({1, 1});
    manifest.output = {.name = onnx.last(), .shape = {1, 1}};
    const auto written = bundle::write_bundle(settings_.bundle, manifest, graph, *key_,
                                              {reinterpret_cast<const std::uint8_t*>(json.data()), json.size()});
    ASSERT_TRUE(written) << written.error().message;
  }
  std::unique_ptr<Asset> started() {
    auto asset = std::make_unique<Asset>(settings_, AssetParts{records_,
                                                               metrics_,
                                                               clock_,
                                                               room_,
                                                               {.keys = {key_->public_key()}},
                                                               "",
                                                               folder_.path() / "m1",
                                                               running_.get()});
    asset->start();
    EXPECT_TRUE(wait([&] { return asset->status().now.mode == "scoring"; })) << asset->status().now.trouble;
    return asset;
  }
  void send(Asset& asset, std::vector<float> values) {
    for (std::size_t from = 0; from < values.size(); from += kRows) {
      WaveformBlock block{.rate_hz = kRate, .channels = 1, .samples = kRows, .sequence = ++sequence_};
      block.received = clock_.mono();
      block.values.assign(values.begin() + static_cast<std::ptrdiff_t>(from),
                          values.begin() + static_cast<std::ptrdiff_t>(from + kRows));
      asset.on_block(std::move(block));
    }
  }
  bool wait(auto ready) {
    for (int i = 0; i < 1000 && !ready(); ++i) std::this_thread::sleep_for(20ms);
    return ready();
  }
  bool scored(Asset& asset, std::uint64_t rows) {
    return wait([&] { return asset.status().now.windows == rows; });
  }
  // The summary of what came since the one before.
  AssetSummary summary() {
    const std::size_t before = records_.summaries().size();
    clock_.advance(settings_.summary_period + 1s);
    EXPECT_TRUE(wait([&] { return records_.summaries().size() > before; }));
    return records_.summaries().back();
  }

  TestFolder folder_;
  ManualClock clock_;
  Records records_;
  MetricsRegistry metrics_;
  TrainingRoom room_{folder_.path() / "key.pem"};
  Result<bundle::SigningKey> key_ = bundle::SigningKey::generate();
  config::AssetSettings settings_;
  std::uint64_t sequence_ = 0;
  std::unique_ptr<RunningWatch> running_;
};

// With a tag that says how fast the machine turns: from 10 on it runs.
class AssetThatStops : public AssetScoring {
 protected:
  AssetThatStops() {
    settings_.running_when = {{.tag = "speed", .min = 10, .max = {}}};
    settings_.settle = 1s;
    running_ = std::make_unique<RunningWatch>(settings_, std::vector<config::TagSettings>{{.name = "speed"}}, clock_);
    write(1);
  }
  void say(std::optional<double> speed) {
    Sample sample{.tag = 0, .received = clock_.wall()};
    if (speed) sample.value = *speed, sample.quality = Quality::good;
    running_->on_samples(std::span(&sample, 1));
    clock_.advance(4s);  // no summary comes in the time of a test
  }
  bool state_is(Asset& asset, const std::string& state) {
    return wait([&] { return asset.status().now.state == state; });
  }
  static std::vector<float> loud(std::size_t rows) {
    return Signal(9).rows(rows, [](std::size_t) { return 50.0; });
  }
};

TEST_F(AssetThatStops, IsJudgedOnlyWhileItRuns) {
  const auto asset = started();
  say(1500);
  send(*asset, Signal(5).rows(200));
  ASSERT_TRUE(scored(*asset, 200));
  say(0);
  send(*asset, loud(200));
  ASSERT_TRUE(state_is(*asset, "not running (speed is 0)"));
  EXPECT_EQ(asset->status().now.windows, 200U) << "what it does while it stands is neither normal nor a fault";
  say(1500);
  send(*asset, Signal(6).rows(200));
  ASSERT_TRUE(scored(*asset, 400));
  EXPECT_EQ(records_.count("condition.anomaly"), 0);
  EXPECT_EQ(records_.count("sensor.fault"), 0);
  EXPECT_EQ(records_.count("condition.unknown_state"), 0);
  send(*asset, loud(200));
  EXPECT_TRUE(wait([&] { return records_.count("condition.anomaly") + records_.count("sensor.fault") > 0; }))
      << "the same is seen while it runs";
}

TEST_F(AssetThatStops, WhatNobodyKnowsIsUnknown_AndToldOnceWhenItLasts) {
  const auto asset = started();
  send(*asset, loud(100));
  ASSERT_TRUE(state_is(*asset, "unknown (speed has no good reading)"));
  EXPECT_EQ(records_.count("condition.unknown_state"), 0) << "a source needs time to answer";
  clock_.advance(61s);
  send(*asset, loud(100));
  EXPECT_TRUE(wait([&] { return records_.count("condition.unknown_state") == 1; }));
  say(1500);
  send(*asset, Signal(7).rows(100));
  ASSERT_TRUE(scored(*asset, 100));
  say({});
  send(*asset, loud(100));
  ASSERT_TRUE(state_is(*asset, "unknown (speed has no good reading)"));
  EXPECT_EQ(asset->status().now.windows, 100U);
  EXPECT_EQ(records_.count("condition.anomaly"), 0);
}

TEST_F(AssetScoring, ASlowChangeIsToldOnceAsDrift_AndIsNoAnomaly) {
  write(1);
  const auto asset = started();
  Signal signal(2);
  send(*asset, signal.rows(2'000, [](std::size_t row) { return 0.005 * static_cast<double>(row); }));
  ASSERT_TRUE(scored(*asset, 2'000));
  EXPECT_EQ(records_.count("condition.drift"), 1);
  EXPECT_EQ(records_.count("condition.anomaly"), 0);
}

TEST_F(AssetScoring, NormalRunningIsNoDrift) {
  write(1);
  const auto asset = started();
  send(*asset, Signal(3).rows(2'000));
  ASSERT_TRUE(scored(*asset, 2'000));
  EXPECT_EQ(records_.count("condition.drift"), 0);
  EXPECT_EQ(records_.count("condition.anomaly"), 0);
}

TEST_F(AssetScoring, ASummaryWithoutAScoredWindowHasNoFeaturesOfAnEarlierOne) {
  write(1);
  const auto asset = started();
  send(*asset, Signal(4).rows(100));
  ASSERT_TRUE(scored(*asset, 100));
  const AssetSummary first = summary();
  EXPECT_EQ(first.windows, 100U);
  EXPECT_FALSE(first.features.empty());
  send(*asset, std::vector<float>(100, std::numeric_limits<float>::quiet_NaN()));
  ASSERT_TRUE(scored(*asset, 100));
  const AssetSummary second = summary();
  EXPECT_EQ(second.sensor_faults, 100U);
  EXPECT_TRUE(second.features.empty());
}

TEST_F(AssetScoring, AModelIsToldWhenItIsAnotherOne_AndNotAtEachStart) {
  write(1);
  started()->stop();
  EXPECT_EQ(records_.count("model.changed"), 1);
  started()->stop();
  EXPECT_EQ(records_.count("model.changed"), 1);
  write(2);
  started()->stop();
  EXPECT_EQ(records_.count("model.changed"), 2);
}

}  // namespace
}  // namespace lineside::gateway
