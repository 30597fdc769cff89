#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <fstream>
#include <random>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"
#include "gateway/condition/anomaly_alarm.h"
#include "gateway/condition/outliers.h"
#include "gateway/condition/sensor_watch.h"
#include "gateway/condition/trainer_process.h"
#include "gateway/condition/trend.h"
#include "gateway/condition/window_maker.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSamplesOfCenturies = 1'000'000;  // at 1e-4 Hz

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
      seen = seen || fault.first == StreamFault::drift;
  EXPECT_TRUE(seen);
}

TEST(WindowMaker, BlocksThatAreMissingAreNoSlowerRate) {
  WindowMaker maker(settings_of(), 4);
  for (int i = 0; i < 300; ++i) {
    if (i % 50 >= 20 && i % 50 <= 22) continue;
    for (const auto& fault : maker.add(block_of(100, static_cast<std::uint64_t>(i + 1), i * 0.1)))
      EXPECT_EQ(fault.first, StreamFault::gap) << fault.second;
  }
}

TEST(WindowMaker, MemoryIsBoundedWhenNobodyTakesWindows) {
  WindowMaker maker(settings_of(), 1);
  for (int i = 0; i < 100; ++i) maker.add(block_of(100, static_cast<std::uint64_t>(i + 1), i * 0.1));
  MadeWindow window;
  EXPECT_TRUE(maker.next(1000, 1000, window));
  EXPECT_FALSE(maker.next(1000, 1000, window));
}

TEST(WindowMaker, FollowsASensorThatNumbersItsBlocksAnew) {
  const auto numbered = [](std::uint64_t sequence) {
    auto block = block_of(50, sequence, 0);
    block.first = {};
    return block;
  };
  WindowMaker maker(settings_of(), 4);
  maker.add(numbered(500));
  const auto faults = maker.add(numbered(1));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].first, StreamFault::time);
  EXPECT_NE(faults[0].second.find("anew: number 1 after 500"), std::string::npos) << faults[0].second;
  EXPECT_TRUE(maker.add(numbered(2)).empty());
  MadeWindow window;
  ASSERT_TRUE(maker.next(100, 100, window));
  EXPECT_TRUE(window.begins);
  // From a low number it looks like blocks that come late, until they go on.
  WindowMaker low(settings_of(), 4);
  low.add(numbered(9));
  EXPECT_NE(low.add(numbered(1)).front().second.find("late"), std::string::npos);
  EXPECT_NE(low.add(numbered(2)).front().second.find("late"), std::string::npos);
  EXPECT_NE(low.add(numbered(3)).front().second.find("anew"), std::string::npos);
  EXPECT_TRUE(low.add(numbered(4)).empty());
  EXPECT_EQ(low.lost_samples(), 100U);
}

TEST(WindowMaker, FollowsASensorThatBeginsAnewWithAnEarlierClock) {
  WindowMaker maker(settings_of(), 4);
  maker.add(block_of(50, 500, 100));
  EXPECT_EQ(maker.add(block_of(50, 1, 0)).front().first, StreamFault::time);
  EXPECT_TRUE(maker.add(block_of(50, 2, 0.05)).empty());
  MadeWindow window;
  EXPECT_TRUE(maker.next(100, 100, window));
}

TEST(WindowMaker, CutsEverySampleOfALongBlockIntoWindows) {
  auto settings = settings_of();
  WindowMaker maker(settings, 4);
  maker.add(block_of(20'000, 1, 0));
  MadeWindow window;
  int windows = 0;
  while (maker.next(1000, 1000, window)) EXPECT_EQ(window.channels[0][0], 1000.0F * static_cast<float>(windows++));
  EXPECT_EQ(windows, 20);
  // Telemetry of a whole day in one block.
  settings.rate_hz = 1.0 / 3600;
  WindowMaker hours(settings, 4);
  auto day = block_of(24, 1, 0);
  day.rate_hz = settings.rate_hz;
  EXPECT_TRUE(hours.add(day).empty());
  windows = 0;
  while (hours.next(1, 1, window)) ++windows;
  EXPECT_EQ(windows, 24);
}

TEST(WindowMaker, TimesAtTheEndOfTheirRangeAreNoTrouble) {
  auto settings = settings_of();
  settings.rate_hz = 1e-4;
  WindowMaker maker(settings, 4);
  auto block = block_of(kSamplesOfCenturies, 1, 0);
  block.rate_hz = settings.rate_hz;
  block.first = kBlockTimeMax;
  maker.add(block);
  auto next = block_of(1, 2, 0);
  next.rate_hz = settings.rate_hz;
  next.first = kBlockTimeMax;
  const auto faults = maker.add(next);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].first, StreamFault::time);
  MadeWindow window;
  EXPECT_TRUE(maker.next(1, 1, window));
}

TEST(WindowMaker, SlowTelemetrysJitterIsNoWrongRate) {
  auto settings = settings_of();
  settings.rate_hz = 1.0 / 60;
  WindowMaker maker(settings, 4);
  std::mt19937 random(3);
  std::uniform_real_distribution<double> jitter(-5, 5);
  for (int i = 0; i < 1000; ++i) {
    auto row = block_of(1, static_cast<std::uint64_t>(i + 1), 100 + 60.0 * i + jitter(random));
    row.rate_hz = 0;
    for (const auto& fault : maker.add(row)) ADD_FAILURE() << i << ": " << fault.second;
  }
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

TEST(AnomalyAlarm, EndsInTheLongRun_WhenNormalLiesCloseToTheThreshold) {
  config::AssetSettings settings = settings_of();
  settings.anomalies_needed = 2, settings.anomalies_of = 3;
  AnomalyAlarm alarm(settings);
  const MonoTime now{};
  using Step = AnomalyAlarm::Step;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(alarm.add(true, 1.1, now), Step::none);
    EXPECT_EQ(alarm.add(true, 1.1, now), Step::raised);
    for (int i = 0; i < 14; ++i) EXPECT_EQ(alarm.add(false, 0.9, now), Step::none);
    EXPECT_EQ(alarm.add(true, 1.1, now), Step::none) << "it begins to count anew";
    for (int i = 0; i < 14; ++i) EXPECT_EQ(alarm.add(false, 0.9, now), Step::none);
    EXPECT_EQ(alarm.add(false, 0.9, now), Step::ended);
  }
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
  for (int i = 0; i < 10; ++i) watch.seen("signal", "flat", now += 10s, {.needed = 3});
  EXPECT_EQ(begins, 0);
  for (int i = 0; i < 3; ++i) watch.seen("signal", "flat", now += 1s, {.needed = 3});
  EXPECT_EQ(begins, 1);
  EXPECT_EQ(watch.summary(), "signal: flat");
}

TEST(SensorWatch, KnowsTheFaultsOfTelemetryOncePerHour) {
  int begins = 0, ends = 0;
  SensorWatch watch([&](const std::string&, bool begin, const std::string&) { ++(begin ? begins : ends); });
  MonoTime now{};
  const auto hours = [&](int count, bool faulty) {
    for (int minute = 0; minute < 60 * count; ++minute) {
      now += 1min;
      if (faulty && minute % 60 == 0) watch.seen("signal", "stuck", now, {.needed = 3, .every = 1h});
      watch.tick(now);
    }
  };
  hours(2, true);
  EXPECT_EQ(begins, 0);
  hours(20, true);
  EXPECT_EQ(begins, 1) << "the third row in a row";
  EXPECT_EQ(ends, 0) << "not between two rows";
  hours(5, false);
  EXPECT_EQ(ends, 1);
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
  auto found = find_outliers(files, [] { return false; });
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->outliers, std::vector<std::size_t>{7});
  EXPECT_EQ(found->change, "");
  for (int i = 12; i < 20; ++i) write_recording(files[static_cast<std::size_t>(i)], i, 30);
  found = find_outliers(files, [] { return false; });
  ASSERT_TRUE(found);
  EXPECT_NE(found->change, "");
}

TEST(Outliers, NamesRecordingsThatCantBeRead) {
  TestFolder folder;
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < 5; ++i) {
    files.push_back(folder.path() / std::format("{}.csv", i));
    write_recording(files.back(), i, 0);
  }
  ASSERT_TRUE(write_atomically(files[2], "\x01 no numbers"));
  const auto found = find_outliers(files, [] { return false; });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->unreadable, std::vector<std::size_t>{2});
  EXPECT_NE(found->first_error, "");
}

TEST(Outliers, MissingSamplesAreLeftOut) {
  TestFolder folder;
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(folder.path() / std::format("{:02}.csv", i));
    write_recording(files.back(), i, i == 7 ? 60 : 0);
    if (i % 3 != 0) continue;
    std::ofstream more(files.back(), std::ios::app);
    for (int missing = 0; missing < 10; ++missing) more << "nan\n";
  }
  const auto found = find_outliers(files, [] { return false; });
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->outliers, std::vector<std::size_t>{7});
  EXPECT_EQ(found->change, "");
  EXPECT_EQ(find_outliers(files, [] { return true; }).error().code, ErrorCode::cancelled);
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
  const auto refused = end_of(
      "echo learning; echo 'lineside-train: dataset.invalid: too few.' >&2; echo '  What to do: record more.' >&2; "
      "exit 65");
  EXPECT_TRUE(refused.refused);
  EXPECT_EQ(refused.why, "dataset.invalid: too few");
  const auto other = end_of("echo 'lineside-train: parity.failed: 0.1'; echo '  What to do: --fp32'; exit 65");
  EXPECT_FALSE(other.refused);
  EXPECT_EQ(other.why, "parity.failed: 0.1");
  EXPECT_EQ(end_of("echo one; echo the reason >&2; exit 1").why, "the reason");
  EXPECT_NE(end_of("kill -9 $$").why.find("signal 9"), std::string::npos);
  EXPECT_NE(end_of("sleep 60", 50ms).why.find("longer"), std::string::npos);
  auto missing = TrainerProcess::start({{"/no/such/program"}, folder.path() / "log", 0, 10s}, system_clock());
  ASSERT_TRUE(missing);
  EXPECT_NE(wait_for_end(*missing)->why.find("can't be run"), std::string::npos);
}

TEST(TrainerProcess, AnEndThatCantBeToldIsNoSuccess) {
  TestFolder folder;
  auto started = TrainerProcess::start({{"/bin/true"}, folder.path() / "log", 0, 10s}, system_clock());
  ASSERT_TRUE(started);
  ASSERT_GT(waitpid(-1, nullptr, 0), 0);
  const auto end = started->poll();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->good);
  EXPECT_NE(end->why.find("can't be told"), std::string::npos) << end->why;
}

TEST(TrainerProcess, IsEndedWithWhatItHasStarted) {
  TestFolder folder;
  const auto alive = folder.path() / "alive";
  const std::string script = std::format("(while sleep 0.05; do echo >> {}; done) & wait", alive.string());
  auto started = TrainerProcess::start({{"/bin/sh", "-c", script}, folder.path() / "log", 0, 500ms}, system_clock());
  ASSERT_TRUE(started);
  ASSERT_TRUE(wait_for_end(*started));
  std::filesystem::remove(alive);
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(std::filesystem::exists(alive));
}

TEST(TrainerProcess, RunsBehindEverybodyElseWithBoundedMemory) {
  TestFolder folder;
  const std::string script =
      "set -- $(sed 's/.*) //' /proc/$$/stat); echo \"nice ${17}, policy ${39}, oom $(cat /proc/self/oom_score_adj), "
      "data $(ulimit -d)\"; exit 1";
  auto started =
      TrainerProcess::start({{"/bin/sh", "-c", script}, folder.path() / "log", 1'024'000'000, 10s}, system_clock());
  ASSERT_TRUE(started);
#if defined(LINESIDE_SANITIZE)
  const std::string data = "unlimited";
#else
  const std::string data = "1000000";
#endif
  EXPECT_EQ(wait_for_end(*started).value_or(TrainerEnd{}).why, "nice 19, policy 5, oom 1000, data " + data);
}

}  // namespace
}  // namespace lineside::gateway
