#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <random>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"
#include "gateway/condition/anomaly_alarm.h"
#include "gateway/condition/asset.h"
#include "gateway/condition/learner.h"
#include "gateway/condition/outliers.h"
#include "gateway/condition/sensor_watch.h"
#include "gateway/condition/trainer_process.h"
#include "gateway/condition/trend.h"
#include "gateway/condition/window_maker.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

config::AssetSettings settings_of(std::size_t channels = 1) {
  config::AssetSettings settings{.name = "m1", .rate_hz = 1000};
  for (std::size_t c = 0; c < channels; ++c) settings.channels.push_back({.name = std::string(1, char('x' + c))});
  return settings;
}

WaveformBlock block_of(std::size_t samples, std::uint64_t sequence, double start_s, float value = 0) {
  WaveformBlock block{.rate_hz = 1000, .channels = 1, .samples = samples, .sequence = sequence};
  block.first = WallTime{1'000'000s} + nanoseconds{static_cast<std::int64_t>(start_s * 1e9)};
  for (std::size_t i = 0; i < samples; ++i) block.values.push_back(value + static_cast<float>(i));
  return block;
}

TEST(WindowMaker, CutsOverlappingWindowsOutOfBlocks) {
  WindowMaker maker(settings_of(), 4);
  MadeWindow window;
  EXPECT_TRUE(maker.add(block_of(60, 1, 0)).empty());
  EXPECT_FALSE(maker.next(100, 50, window));
  EXPECT_TRUE(maker.add(block_of(60, 2, 0.06, 60)).empty());
  ASSERT_TRUE(maker.next(100, 50, window));
  EXPECT_TRUE(window.begins);
  EXPECT_EQ(window.channels[0][99], 99);
  EXPECT_EQ(window.start, WallTime{1'000'000s});
  EXPECT_FALSE(maker.next(100, 50, window));
  EXPECT_TRUE(maker.add(block_of(60, 3, 0.12, 120)).empty());
  ASSERT_TRUE(maker.next(100, 50, window));
  EXPECT_FALSE(window.begins);
  EXPECT_EQ(window.channels[0][0], 50);
}

TEST(WindowMaker, DividesBySensitivity) {
  auto settings = settings_of();
  settings.channels[0].sensitivity = 0.5;
  WindowMaker maker(settings, 4);
  maker.add(block_of(10, 1, 0));
  MadeWindow window;
  ASSERT_TRUE(maker.next(10, 10, window));
  EXPECT_EQ(window.channels[0][3], 6);
}

TEST(WindowMaker, KeepsAGapsLengthAsMissingSamples) {
  WindowMaker maker(settings_of(), 4);
  maker.add(block_of(50, 1, 0));
  const auto faults = maker.add(block_of(50, 3, 0.1));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].first, StreamFault::gap);
  EXPECT_EQ(maker.lost_samples(), 50U);
  MadeWindow window;
  ASSERT_TRUE(maker.next(150, 150, window));
  EXPECT_TRUE(std::isnan(window.channels[0][50]));
  EXPECT_FALSE(std::isnan(window.channels[0][100]));
}

TEST(WindowMaker, SeesLostBlocksWithoutTimesToo) {
  WindowMaker maker(settings_of(), 4);
  auto block = block_of(50, 1, 0);
  block.first = {};
  maker.add(block);
  block.sequence = 4;
  EXPECT_EQ(maker.add(block).front().first, StreamFault::gap);
  EXPECT_EQ(maker.lost_samples(), 100U);
}

TEST(WindowMaker, BeginsAnewAfterALongGap) {
  WindowMaker maker(settings_of(), 4);
  maker.add(block_of(50, 1, 0));
  EXPECT_EQ(maker.add(block_of(50, 2, 3600)).front().first, StreamFault::gap);
  MadeWindow window;
  ASSERT_TRUE(maker.next(50, 50, window));
  EXPECT_TRUE(window.begins);
  EXPECT_FALSE(std::isnan(window.channels[0][0]));
}

TEST(WindowMaker, LeavesOutBlocksOfAnotherRateChannelCountOrEarlierTime) {
  WindowMaker maker(settings_of(), 4);
  maker.add(block_of(50, 5, 10));
  auto wrong = block_of(50, 6, 10.05);
  wrong.rate_hz = 2000;
  EXPECT_EQ(maker.add(wrong).front().first, StreamFault::rate);
  maker.add(block_of(50, 7, 10.1));
  EXPECT_EQ(maker.add(block_of(50, 6, 9)).front().first, StreamFault::time);
  auto two = block_of(50, 8, 10.15);
  two.channels = 2, two.values.resize(100);
  EXPECT_EQ(maker.add(two).front().first, StreamFault::channels);
}

TEST(WindowMaker, ANamedChannelThatIsMissingBecomesMissingSamples) {
  WindowMaker maker(settings_of(2), 4);
  auto block = block_of(10, 1, 0, 5);
  block.names = {"y"};
  EXPECT_EQ(maker.add(block).front().first, StreamFault::channels);
  MadeWindow window;
  ASSERT_TRUE(maker.next(10, 10, window));
  EXPECT_TRUE(std::isnan(window.channels[0][0]));
  EXPECT_EQ(window.channels[1][0], 5);
}

TEST(WindowMaker, SeesAClockThatRunsAtAnotherRate) {
  WindowMaker maker(settings_of(), 4);
  bool seen = false;
  for (int i = 0; i < 150 && !seen; ++i)
    for (const auto& fault : maker.add(block_of(100, static_cast<std::uint64_t>(i + 1), i * 0.11)))
      seen = seen || fault.first == StreamFault::rate;
  EXPECT_TRUE(seen);
}

TEST(WindowMaker, MemoryIsBoundedWhenNobodyTakesWindows) {
  WindowMaker maker(settings_of(), 1);
  for (int i = 0; i < 100; ++i) maker.add(block_of(100, static_cast<std::uint64_t>(i + 1), i * 0.1));
  MadeWindow window;
  EXPECT_TRUE(maker.next(1000, 1000, window));
  EXPECT_FALSE(maker.next(1000, 1000, window));
}

TEST(AnomalyAlarm, NeedsKOfNWindowsAndEndsWithHysteresis) {
  config::AssetSettings settings = settings_of();
  settings.anomalies_needed = 2, settings.anomalies_of = 3;
  AnomalyAlarm alarm(settings);
  const MonoTime now{};
  using Step = AnomalyAlarm::Step;
  EXPECT_EQ(alarm.add(true, 1.1, now), Step::none);
  EXPECT_EQ(alarm.add(false, 0.5, now), Step::none);
  EXPECT_EQ(alarm.add(false, 0.5, now), Step::none);
  EXPECT_EQ(alarm.add(true, 1.1, now), Step::none);
  EXPECT_EQ(alarm.add(true, 1.1, now), Step::raised);
  EXPECT_EQ(alarm.severity(), Severity::low);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(alarm.add(false, 0.9, now), Step::none);
  EXPECT_EQ(alarm.add(false, 0.5, now), Step::none);
  EXPECT_EQ(alarm.add(false, 0.5, now), Step::ended);
  EXPECT_FALSE(alarm.open());
}

TEST(AnomalyAlarm, SeverityGrowsWithDistanceAndDuration) {
  config::AssetSettings settings = settings_of();
  settings.anomalies_needed = settings.anomalies_of = 1;
  AnomalyAlarm alarm(settings);
  MonoTime now{};
  using Step = AnomalyAlarm::Step;
  EXPECT_EQ(alarm.add(true, 1.1, now), Step::raised);
  EXPECT_EQ(alarm.add(true, 1.5, now), Step::worse);
  EXPECT_EQ(alarm.severity(), Severity::medium);
  EXPECT_EQ(alarm.add(true, 1.5, now), Step::none);
  EXPECT_EQ(alarm.add(true, 1.5, now + 11min), Step::worse);
  EXPECT_EQ(alarm.severity(), Severity::high);
  EXPECT_EQ(alarm.add(true, 9, now + 12min), Step::worse);
  EXPECT_EQ(alarm.severity(), Severity::critical);
}

TEST(SensorWatch, AFaultThatComesAndGoesIsToldEverMoreSeldom) {
  int begins = 0, ends = 0;
  SensorWatch watch([&](const std::string&, bool begin, const std::string&) { ++(begin ? begins : ends); });
  MonoTime now{};
  for (int s = 0; s < 3600; ++s) {
    now += 1s;
    if (s % 45 == 0) watch.seen("gap", "lost", now);
    watch.tick(now);
  }
  EXPECT_GT(ends, 1);
  EXPECT_LE(begins, 8);
  EXPECT_LE(begins - ends, 1);
}

TEST(SensorWatch, OneBadWindowIsNoFault) {
  int begins = 0;
  SensorWatch watch([&](const std::string&, bool begin, const std::string&) { begins += begin; });
  MonoTime now{};
  for (int i = 0; i < 10; ++i) watch.seen("signal", "flat", now += 10s, 3);
  EXPECT_EQ(begins, 0);
  for (int i = 0; i < 3; ++i) watch.seen("signal", "flat", now += 1s, 3);
  EXPECT_EQ(begins, 1);
  EXPECT_EQ(watch.summary(), "signal: flat");
}

TEST(Trend, FindsTheSlopeAndItsError) {
  Trend trend;
  EXPECT_FALSE(trend.line());
  for (int minute = 0; minute < 60; ++minute) trend.add(1 + minute / 60.0, MonoTime{std::chrono::minutes{minute}});
  ASSERT_TRUE(trend.line());
  EXPECT_NEAR(trend.line()->per_hour, 1, 1e-6);
  EXPECT_NEAR(trend.line()->deviation, 0, 1e-6);
}

void write_recording(const std::filesystem::path& file, int seed, double impulses) {
  std::ofstream out(file);
  std::mt19937 random(static_cast<unsigned>(seed));
  std::normal_distribution<double> noise(0, 1);
  out << "x\n";
  for (int i = 0; i < 2000; ++i) out << noise(random) + (i % 200 == 0 ? impulses : 0) << "\n";
}

TEST(Outliers, NamesRecordingsThatDifferAndAMachineThatChanged) {
  TestFolder folder;
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(folder.path() / std::format("{:02}.csv", i));
    write_recording(files.back(), i, i == 7 ? 60 : 0);
  }
  auto found = find_outliers(files);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->outliers, std::vector<std::size_t>{7});
  EXPECT_EQ(found->change, "");
  for (int i = 12; i < 20; ++i) write_recording(files[static_cast<std::size_t>(i)], i, 30);
  found = find_outliers(files);
  ASSERT_TRUE(found);
  EXPECT_NE(found->change, "");
}

std::optional<TrainerEnd> wait_for_end(TrainerProcess& process) {
  for (int i = 0; i < 1000; ++i) {
    if (auto end = process.poll()) return end;
    std::this_thread::sleep_for(10ms);
  }
  return std::nullopt;
}

TEST(TrainerProcess, EndsWithAClearWord) {
  TestFolder folder;
  const auto end_of = [&](const std::string& script, nanoseconds time_max = 10s) {
    auto started =
        TrainerProcess::start({{"/bin/sh", "-c", script}, folder.path() / "log", 0, time_max}, system_clock());
    EXPECT_TRUE(started);
    return wait_for_end(*started).value_or(TrainerEnd{.why = "it never ended"});
  };
  EXPECT_TRUE(end_of("exit 0").good);
  EXPECT_TRUE(end_of("echo too few; exit 65").refused);
  EXPECT_EQ(end_of("echo one; echo the reason >&2; exit 1").why, "the reason");
  EXPECT_NE(end_of("kill -9 $$").why.find("signal 9"), std::string::npos);
  EXPECT_NE(end_of("sleep 60", 50ms).why.find("longer"), std::string::npos);
  auto missing = TrainerProcess::start({{"/no/such/program"}, folder.path() / "log", 0, 10s}, system_clock());
  ASSERT_TRUE(missing);
  EXPECT_NE(wait_for_end(*missing)->why.find("can't be run"), std::string::npos);
}

class LearnerTest : public ::testing::Test {
 protected:
  LearnerTest() { settings_.learning = {.minutes = 0.01, .recordings = 4, .recording_s = 0.5, .shadow_minutes = 0.01}; }
  void trainer(const std::string& script) {
    const auto program = folder_.path() / "train";
    ASSERT_TRUE(write_atomically(program, "#!/bin/sh\n" + script + "\n", 0755));
    settings_.learning.program = program.string();
  }
  std::unique_ptr<Learner> open() {
    auto learner = Learner::open(
        folder_.path() / "m1", folder_.path() / "key.pem", settings_, system_clock(),
        [this](const std::string& type, Severity, const std::string&, const auto&) { told_.push_back(type); });
    EXPECT_TRUE(learner);
    return std::move(*learner);
  }
  void record(Learner& learner) {
    std::vector<float> samples(500);
    std::normal_distribution<float> noise(0, 1);
    for (float& sample : samples) sample = noise(random_);
    MadeWindow window{.channels = {samples}};
    const auto taken = learner.take(window);
    ASSERT_TRUE(taken);
    EXPECT_EQ(*taken, std::nullopt);
    std::this_thread::sleep_for(2ms);
  }
  bool advance_until(Learner& learner, auto done) {
    for (int i = 0; i < 500; ++i) {
      learner.advance();
      if (done()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  bool told(const std::string& type) const { return std::ranges::contains(told_, type); }

  TestFolder folder_;
  config::AssetSettings settings_ = settings_of();
  std::vector<std::string> told_;
  std::mt19937 random_{5};
};

TEST_F(LearnerTest, GoesOnWhereItWasAfterEveryStep) {
  trainer("while [ \"$1\" != --out ]; do shift; done; echo bundle > \"$2\"");
  {
    const auto learner = open();
    record(*learner), record(*learner);
  }
  {
    const auto learner = open();
    EXPECT_EQ(learner->phase(), Phase::collecting);
    EXPECT_FLOAT_EQ(learner->progress(), 0.5F);
    record(*learner), record(*learner);
    learner->advance();
    EXPECT_EQ(learner->phase(), Phase::training);
  }
  {
    const auto learner = open();
    EXPECT_EQ(learner->phase(), Phase::training);
    ASSERT_TRUE(advance_until(*learner, [&] { return learner->phase() == Phase::shadow; }));
  }
  const auto learner = open();
  EXPECT_EQ(learner->phase(), Phase::shadow);
  EXPECT_TRUE(std::filesystem::exists(learner->bundle()));
  EXPECT_EQ(learner->counter(), 1U);
  std::this_thread::sleep_for(700ms);
  bool finished = false;
  for (int i = 0; i < 100 && !finished; ++i) {
    finished = learner->shadow_window(false, true);
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_TRUE(finished);
  EXPECT_EQ(open()->phase(), Phase::scoring);
}

TEST_F(LearnerTest, AFailedTrainingIsToldAndTriedAgainLater) {
  trainer("echo no memory; exit 70");
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  ASSERT_TRUE(advance_until(*learner, [&] { return told("learning.failed"); }));
  EXPECT_EQ(learner->phase(), Phase::training);
  EXPECT_FALSE(std::filesystem::exists(learner->bundle()));
}

TEST_F(LearnerTest, RefusedRecordingsAreTakenAnew) {
  trainer("echo contaminated; exit 65");
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  ASSERT_TRUE(advance_until(*learner, [&] { return told("learning.refused"); }));
  EXPECT_EQ(learner->phase(), Phase::collecting);
  EXPECT_EQ(learner->progress(), 0);
}

TEST_F(LearnerTest, AModelThatAlarmsInItsShadowPeriodIsNotTaken) {
  trainer("while [ \"$1\" != --out ]; do shift; done; echo bundle > \"$2\"");
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  ASSERT_TRUE(advance_until(*learner, [&] { return learner->phase() == Phase::shadow; }));
  for (int i = 0; i < 300 && learner->phase() == Phase::shadow; ++i) {
    EXPECT_FALSE(learner->shadow_window(i % 5 == 0, true));
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(learner->phase(), Phase::collecting);
  EXPECT_TRUE(told("learning.refused"));
}

TEST_F(LearnerTest, ARecordingOfADeadSensorIsNotTaken) {
  const auto learner = open();
  const std::vector<float> flat(500, 1.5F);
  const auto taken = learner->take({.channels = {flat}});
  ASSERT_TRUE(taken);
  EXPECT_EQ(**taken, "x: flat");
  EXPECT_EQ(learner->progress(), 0);
}

TEST_F(LearnerTest, AStateThatCantBeReadIsSaid) {
  std::filesystem::create_directories(folder_.path() / "m1");
  ASSERT_TRUE(write_atomically(folder_.path() / "m1" / "state", "rubbish"));
  const auto learner = Learner::open(folder_.path() / "m1", folder_.path() / "key.pem", settings_, system_clock(),
                                     [](const auto&, auto, const auto&, const auto&) {});
  ASSERT_FALSE(learner);
  EXPECT_EQ(learner.error().code, ErrorCode::file_format);
}

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

 private:
  std::mutex mutex_;
  std::vector<RecordBody> all_;
};

TEST(Asset, WithoutItsBundleSaysSoOnceAndGoesOnTrying) {
  TestFolder folder;
  Records records;
  MetricsRegistry metrics;
  auto settings = settings_of();
  settings.bundle = (folder.path() / "none.lsb").string();
  settings.stall_max = 200ms;
  Asset asset(settings, {records, metrics, system_clock(), {}, "", folder.path() / "m1", folder.path() / "key.pem"});
  asset.start();
  for (int i = 0; i < 200 && (records.count("model.refused") == 0 || records.count("sensor.fault") == 0); ++i)
    std::this_thread::sleep_for(20ms);
  EXPECT_EQ(records.count("model.refused"), 1);
  EXPECT_EQ(records.count("sensor.fault"), 1);  // nothing comes: silent
  EXPECT_EQ(asset.condition().now.mode, "waiting");
  asset.on_bad_block("no block");
  asset.stop();
  EXPECT_EQ(records.count("condition.anomaly"), 0);
  EXPECT_EQ(records.count("sensor.fault"), 2);
}

}  // namespace
}  // namespace lineside::gateway
