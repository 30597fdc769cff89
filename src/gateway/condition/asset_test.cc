#include "gateway/condition/asset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"
#include "gateway/condition/evidence.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

config::AssetSettings settings_of_m1() { return {.name = "m1", .rate_hz = 1000, .channels = {{.name = "x"}}}; }

class Records final : public RecordSink {
 public:
  void put(Lane, RecordBody body) override {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(body));
  }
  int count(const std::string& type) {
    const std::lock_guard lock(mutex_);
    int found = 0;
    for (const auto& body : all_)
      if (const auto* event = std::get_if<EventRecord>(&body)) found += event->type == type;
    return found;
  }
  std::vector<WallTime> summaries() {
    const std::lock_guard lock(mutex_);
    std::vector<WallTime> times;
    for (const auto& body : all_)
      if (const auto* summary = std::get_if<AssetSummary>(&body)) times.push_back(summary->to);
    return times;
  }

 private:
  std::mutex mutex_;
  std::vector<RecordBody> all_;
};

WaveformBlock block_of(std::size_t samples, std::uint64_t sequence) {
  WaveformBlock block{.rate_hz = 1000, .channels = 1, .samples = samples, .sequence = sequence};
  for (std::size_t i = 0; i < samples; ++i) block.values.push_back(std::sin(static_cast<float>(i)));
  return block;
}

TEST(BlockQueue, IsBoundedInBlocksAndInBytesAndTheOldestGo) {
  BlockQueue blocks(3, 1'000'000), bytes(1000, 100'000);
  for (std::uint64_t i = 1; i <= 5; ++i) blocks.push(block_of(10, i));
  EXPECT_EQ(blocks.dropped(), 2U);
  EXPECT_EQ(blocks.pop(0s).block->sequence, 3U);
  for (std::uint64_t i = 1; i <= 10; ++i) bytes.push(block_of(8000, i));
  EXPECT_GE(bytes.dropped(), 7U);
  bytes.push(block_of(30'000, 11));
  const auto taken = bytes.pop(0s);
  EXPECT_NE(taken.words.bad.find("queue_bytes_max"), std::string::npos) << taken.words.bad;
  EXPECT_LE(taken.block->sequence, 10U) << "one that never fits pushes out no other";
}

TEST(BlockQueue, CountsTheMemoryOfNamesToo) {
  BlockQueue queue(1000, 100'000);
  for (std::uint64_t i = 1; i <= 10; ++i) {
    WaveformBlock block = block_of(10, i);
    block.names.emplace_back(40'000, 'x');
    queue.push(std::move(block));
  }
  EXPECT_EQ(queue.dropped(), 8U);
}

TEST(BlockQueue, BadMessagesPushNoBlockOut) {
  BlockQueue queue(3, 1'000'000);
  for (std::uint64_t i = 1; i <= 3; ++i) queue.push(block_of(10, i));
  for (int i = 0; i < 1000; ++i) queue.note_bad("no block");
  queue.note_source(false, "the cable");
  queue.note_source(true, "");
  EXPECT_EQ(queue.dropped(), 0U);
  const auto taken = queue.pop(0s);
  EXPECT_EQ(taken.block->sequence, 1U);
  EXPECT_EQ(taken.words.bad, "no block");
  EXPECT_EQ(taken.words.down, "the cable");
  EXPECT_EQ(taken.words.up, std::optional(true));
  EXPECT_EQ(queue.pop(0s).words.bad, "");
}

TEST(BlockQueue, DropsWhatWaitsWhenItIsClosed) {
  BlockQueue queue(10, 1'000'000);
  for (std::uint64_t i = 1; i <= 3; ++i) queue.push(block_of(10, i));
  queue.close();
  queue.push(block_of(10, 4));
  EXPECT_FALSE(queue.pop(1h).block);
  EXPECT_EQ(queue.dropped(), 4U);
}

TEST(Evidence, NamesEveryChannelOnce_AlsoOneWhoseNameIsPartOfAnothers) {
  const auto settings = settings_of_m1();
  const AnomalyAlarm alarm(settings);
  condition::WindowScore score;
  score.explanation.contributions = {{"axial", "rms", 9}, {"x", "rms", 8}, {"axial", "kurtosis", 7}};
  const auto evidence = anomaly_evidence(
      {.score = score, .alarm = alarm, .settings = settings, .model = "m@1", .ratio = {}, .velocity = {}});
  EXPECT_EQ(evidence.at("channels"), "axial, x");
}

class AssetTest : public ::testing::Test {
 protected:
  AssetParts parts(Clock& clock = system_clock()) {
    return {records_, metrics_, clock, room_, {}, "", folder_.path() / "m1"};
  }
  bool wait(auto ready) {
    for (int i = 0; i < 500 && !ready(); ++i) std::this_thread::sleep_for(20ms);
    return ready();
  }
  ManualClock manual_;
  TestFolder folder_;
  Records records_;
  MetricsRegistry metrics_;
  TrainingRoom room_{folder_.path() / "key.pem"};
  config::AssetSettings settings_ = settings_of_m1();
};

TEST_F(AssetTest, WithoutItsBundleSaysSoOnceAndGoesOnTrying) {
  settings_.bundle = (folder_.path() / "none.lsb").string();
  settings_.stall_max = 200ms;
  Asset asset(settings_, parts());
  asset.start();
  EXPECT_TRUE(wait([&] { return records_.count("model.refused") > 0 && records_.count("sensor.fault") > 0; }));
  EXPECT_EQ(records_.count("model.refused"), 1);
  EXPECT_EQ(records_.count("sensor.fault"), 1);  // nothing comes: silent
  EXPECT_EQ(asset.status().now.mode, "waiting");
  asset.on_bad_block("no block");
  EXPECT_TRUE(wait([&] { return records_.count("sensor.fault") == 2; }));
  asset.stop();
  EXPECT_EQ(records_.count("condition.anomaly"), 0);
}

TEST_F(AssetTest, ASourceThatStaysAwayIsNotInOrderAgain) {
  settings_.bundle = (folder_.path() / "none.lsb").string();
  settings_.stall_max = 1h;
  Asset asset(settings_, parts(manual_));
  asset.start();
  asset.on_source(false, "the cable");  // once: the next attempt may take longer than a fault needs to be forgotten
  EXPECT_TRUE(wait([&] { return records_.count("sensor.fault") == 1; }));
  manual_.advance(SensorWatch::kClear + 1s);
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(records_.count("sensor.ok"), 0);
  EXPECT_NE(asset.status().now.sensor.find("the cable"), std::string::npos);
  asset.on_source(true, "");
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(records_.count("sensor.ok"), 0) << "not in the first moment";
  manual_.advance(SensorWatch::kClear + 1s);
  EXPECT_TRUE(wait([&] { return records_.count("sensor.ok") == 1; }));
}

TEST_F(AssetTest, ALearnerThatCantBeOpenedSaysWhyAndIsTriedAgain) {
  settings_.mode = config::AssetSettings::Mode::learning;
  ASSERT_TRUE(write_atomically(folder_.path() / "m1", "in the way of the folder"));
  Asset asset(settings_, parts(manual_));
  asset.start();
  EXPECT_TRUE(wait([&] { return records_.count("learning.failed") == 1; }));
  manual_.advance(4s);
  std::this_thread::sleep_for(500ms);
  EXPECT_NE(asset.status().now.trouble.find("can't learn"), std::string::npos) << asset.status().now.trouble;
  std::filesystem::remove(folder_.path() / "m1");
  manual_.advance(1min);
  EXPECT_TRUE(wait([&] { return asset.status().now.mode == "collecting"; }));
  EXPECT_EQ(asset.status().now.trouble, "");
  EXPECT_EQ(records_.count("learning.failed"), 1);
}

TEST_F(AssetTest, ADiskThatFailsIsNoReasonToLearnAnew) {
  settings_.mode = config::AssetSettings::Mode::learning;
  const auto folder = folder_.path() / "m1", recording = folder / "recordings" / "1.csv";
  std::filesystem::create_directories(folder / "model.lsb");  // can't be read
  std::filesystem::create_directories(folder / "recordings");
  ASSERT_TRUE(write_atomically(recording, "x\n1\n"));
  ASSERT_TRUE(write_atomically(folder / "state", "shadow 1 1 1700000000 0 0\n"));
  Asset asset(settings_, parts(manual_));
  asset.start();
  EXPECT_TRUE(wait([&] { return records_.count("model.refused") == 1; }));
  EXPECT_EQ(records_.count("learning.refused"), 0);
  EXPECT_TRUE(std::filesystem::exists(recording));
  std::filesystem::remove(folder / "model.lsb");
  manual_.advance(4s);
  EXPECT_TRUE(wait([&] { return records_.count("learning.refused") == 1; })) << "now it is gone";
}

TEST_F(AssetTest, ADamagedKeyIsSaidAndIsNoReasonToLearnAnew) {
  settings_.mode = config::AssetSettings::Mode::learning;
  ASSERT_TRUE(write_atomically(folder_.path() / "key.pem", "rubbish"));
  std::filesystem::create_directories(folder_.path() / "m1");
  ASSERT_TRUE(write_atomically(folder_.path() / "m1" / "model.lsb", "signed with the key before"));
  ASSERT_TRUE(write_atomically(folder_.path() / "m1" / "state", "shadow 1 1 1700000000 0 0\n"));
  Asset asset(settings_, parts(manual_));
  asset.start();
  EXPECT_TRUE(wait([&] { return records_.count("model.refused") == 1; }));
  const std::string trouble = asset.status().now.trouble;
  EXPECT_NE(trouble.find("key.pem that signs"), std::string::npos) << trouble;
  EXPECT_NE(trouble.find("Put it back"), std::string::npos) << trouble;
  EXPECT_EQ(records_.count("learning.refused"), 0);
}

TEST_F(AssetTest, AnHourBetweenTwoBlocksOfTelemetryIsNoSilenceAndFourAre) {
  settings_.bundle = (folder_.path() / "none.lsb").string();
  settings_.rate_hz = 1.0 / 3600;
  Asset asset(settings_, parts(manual_));
  asset.start();
  EXPECT_TRUE(wait([&] { return records_.count("model.refused") == 1; }));
  manual_.advance(2h);
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(records_.count("sensor.fault"), 0);
  manual_.advance(2h);
  EXPECT_TRUE(wait([&] { return records_.count("sensor.fault") == 1; }));
}

TEST_F(AssetTest, SummariesOfManyDontComeInTheSameMoment) {
  settings_.bundle = (folder_.path() / "none.lsb").string();
  settings_.summary_period = 2s;
  std::vector<std::unique_ptr<Asset>> assets;
  for (int i = 0; i < 8; ++i) {
    settings_.name = "motor" + std::to_string(i);
    assets.push_back(std::make_unique<Asset>(settings_, parts()));
  }
  for (const auto& asset : assets) asset->start();
  ASSERT_TRUE(wait([&] { return records_.summaries().size() >= assets.size(); }));
  auto times = records_.summaries();
  const auto [first, last] = std::ranges::minmax(std::span(times).first(assets.size()));
  EXPECT_GT(last - first, 600ms);
}

TEST_F(AssetTest, DropsWhatWaitsWhenItIsStopped) {
  settings_.mode = config::AssetSettings::Mode::learning;
  settings_.queue_blocks = 10'000;
  Asset asset(settings_, parts());
  asset.ask_to_stop();
  for (std::uint64_t i = 1; i <= 100; ++i) asset.on_block(block_of(100, i));
  asset.start();
  asset.stop();
  EXPECT_EQ(asset.status().dropped_blocks, 100U);
}

}  // namespace
}  // namespace lineside::gateway
