#include "gateway/condition/learner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

config::AssetSettings settings_of_m1() { return {.name = "m1", .rate_hz = 1000, .channels = {{.name = "x"}}}; }

class LearnerTest : public ::testing::Test {
 protected:
  static config::AssetSettings with_learning(config::AssetSettings settings) {
    settings.learning = {.minutes = 0.01, .recordings = 4, .recording_s = 0.5, .shadow_minutes = 0.01};
    return settings;
  }
  std::ptrdiff_t recordings_there() const {
    return std::ranges::distance(std::filesystem::directory_iterator(folder_.path() / "m1" / "recordings"));
  }
  void trainer(const std::string& script) {
    const auto program = folder_.path() / "train";
    ASSERT_TRUE(write_atomically(program, "#!/bin/sh\n" + script + "\n", 0755));
    settings_.learning.program = program.string();
  }
  Result<std::unique_ptr<Learner>> try_open(const std::string& name = "m1", std::uint64_t counter = 0) {
    settings_.name = name;
    return Learner::open(settings_,
                         {.folder = folder_.path() / name,
                          .room = room_,
                          .clock = *clock_,
                          .counter = counter,
                          .tell =
                              [this](const std::string& type, Severity, const std::string& message, const auto&) {
                                told_.push_back(type);
                                last_ = message;
                              },
                          .stop = [] { return false; }});
  }
  std::unique_ptr<Learner> open() {
    auto learner = try_open();
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

  ManualClock manual_;
  Clock* clock_ = &system_clock();
  TestFolder folder_;
  TrainingRoom room_{folder_.path() / "assets" / "key.pem"};
  config::AssetSettings settings_ = with_learning(settings_of_m1());
  std::vector<std::string> told_;
  std::string last_;  // message
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
  trainer("echo 'lineside-train: dataset.invalid: contaminated'; echo '  What to do: stop'; exit 65");
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  ASSERT_TRUE(advance_until(*learner, [&] { return told("learning.refused"); }));
  EXPECT_EQ(learner->phase(), Phase::collecting);
  EXPECT_EQ(learner->progress(), 0);
}

TEST_F(LearnerTest, AnotherFailureWithTheSameExitCodeKeepsTheRecordings) {
  trainer("echo 'lineside-train: model.unsupported: an operator.'; echo '  What to do: x'; exit 65");
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  ASSERT_TRUE(advance_until(*learner, [&] { return told("learning.failed"); }));
  EXPECT_FALSE(told("learning.refused"));
  EXPECT_NE(last_.find("model.unsupported: an operator. "), std::string::npos) << last_;
  EXPECT_EQ(learner->phase(), Phase::training);
  EXPECT_EQ(recordings_there(), 4);
}

TEST_F(LearnerTest, BeginsAnew_WhenTheSettingsItRecordedWithHaveChanged) {
  const auto changed = [this](auto change) {
    settings_ = with_learning(settings_of_m1());
    std::filesystem::remove_all(folder_.path() / "m1");
    {
      const auto learner = open();
      record(*learner), record(*learner);
    }
    EXPECT_FLOAT_EQ(open()->progress(), 0.5F);
    told_.clear();
    change(settings_);
    const float kept = open()->progress();
    EXPECT_EQ(told("learning.refused"), kept == 0);
    told_.clear();
    EXPECT_EQ(open()->progress(), kept);
    EXPECT_FALSE(told("learning.refused")) << "once";
    return kept == 0;
  };
  EXPECT_TRUE(changed([](auto& settings) { settings.rate_hz = 2000; }));
  EXPECT_TRUE(changed([](auto& settings) { settings.channels[0].name = "y"; }));
  EXPECT_TRUE(changed([](auto& settings) { settings.channels[0].unit = "g"; }));
  EXPECT_TRUE(changed([](auto& settings) { settings.channels[0].sensitivity = 2; }));
  EXPECT_TRUE(changed([](auto& settings) { settings.channels.push_back({.name = "z"}); }));
  EXPECT_FALSE(changed([](auto& settings) { settings.learning.shadow_minutes = 5; }));
}

TEST_F(LearnerTest, AStateOfAnEarlierVersionWithoutSettingsGoesOn) {
  {
    const auto learner = open();
    record(*learner);
  }
  ASSERT_TRUE(write_atomically(folder_.path() / "m1" / "state", "collecting 1 0 1700000000 0 0\n"));
  EXPECT_FLOAT_EQ(open()->progress(), 0.25F);
}

TEST_F(LearnerTest, ARecordingThatCantBeReadIsTakenAgainAndTheOthersAreKept) {
  trainer("exit 70");
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  const auto one = std::filesystem::directory_iterator(folder_.path() / "m1" / "recordings")->path();
  ASSERT_TRUE(write_atomically(one, "\x01 no numbers"));
  learner->advance();
  EXPECT_TRUE(told("learning.unreadable"));
  EXPECT_FALSE(told("learning.refused"));
  EXPECT_EQ(learner->phase(), Phase::collecting);
  EXPECT_FLOAT_EQ(learner->progress(), 0.75F);
  EXPECT_EQ(recordings_there(), 3);
  record(*learner);
  learner->advance();
  EXPECT_EQ(learner->phase(), Phase::training);
}

TEST_F(LearnerTest, AFolderOfRecordingsThatWasDeletedIsMadeAgain) {
  const auto learner = open();
  record(*learner), record(*learner);
  std::filesystem::remove_all(folder_.path() / "m1" / "recordings");
  record(*learner);
  EXPECT_FLOAT_EQ(learner->progress(), 0.25F) << "only what is there counts";
}

TEST_F(LearnerTest, ADiskThatTakesNoRecordingIsToldOnceAnHour) {
  clock_ = &manual_;
  const auto learner = open();
  const auto folder = folder_.path() / "m1" / "recordings";
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(write_atomically(folder, "in the way"));
  std::vector<float> samples(500);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = std::sin(static_cast<float>(i));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(learner->take({.channels = {samples}}));
    manual_.advance(10s);
  }
  EXPECT_EQ(std::ranges::count(told_, "learning.failed"), 1);
  EXPECT_NE(last_.find("recordings"), std::string::npos) << last_;
  manual_.advance(1h);
  EXPECT_FALSE(learner->take({.channels = {samples}}));
  EXPECT_EQ(std::ranges::count(told_, "learning.failed"), 2);
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

TEST_F(LearnerTest, WindowsThatDontCountWriteNothing) {
  trainer("while [ \"$1\" != --out ]; do shift; done; echo bundle > \"$2\"");
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  ASSERT_TRUE(advance_until(*learner, [&] { return learner->phase() == Phase::shadow; }));
  const auto state = folder_.path() / "m1" / "state";
  EXPECT_FALSE(learner->shadow_window(false, true));
  std::filesystem::remove(state);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(learner->shadow_window(false, false));
  EXPECT_FALSE(std::filesystem::exists(state)) << "many a second would wear the disk out";
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
  const auto learner = try_open();
  ASSERT_FALSE(learner);
  EXPECT_EQ(learner.error().code, ErrorCode::file_format);
}

TEST_F(LearnerTest, SaysThatAModelInUseLearnedWithOtherSettings_UntilTheyArePutBack) {
  std::filesystem::create_directories(folder_.path() / "m1");
  ASSERT_TRUE(write_atomically(folder_.path() / "m1" / "state",
                               "scoring 1 1 1700000000 0 0\nrate_hz 1000; channel 'x' in 'm/s2', sensitivity 1\n"));
  EXPECT_EQ(open()->settings_trouble(), "");
  EXPECT_FALSE(told("learning.settings"));
  settings_.channels[0].unit = "g";
  for (int start = 0; start < 2; ++start) {
    told_.clear();
    const auto learner = open();
    EXPECT_EQ(learner->phase(), Phase::scoring);
    EXPECT_NE(learner->settings_trouble().find("learned with rate_hz 1000; channel 'x' in 'm/s2'"), std::string::npos);
    EXPECT_TRUE(told("learning.settings"));
  }
  settings_.channels[0].unit = "m/s2";
  EXPECT_EQ(open()->settings_trouble(), "");
}

TEST_F(LearnerTest, TrainsOneAfterTheOtherWithAKeyThatIsThere) {
  // It would fail without the key, and runs until it is let go.
  trainer(
      "while [ \"$1\" != --key ]; do shift; done; test -s \"$2\" && test -s \"$2.pub\" || exit 70\n"
      "while [ ! -e " +
      (folder_.path() / "go").string() + " ]; do sleep 0.02; done; exit 70");
  const auto first = open();
  for (int i = 0; i < 4; ++i) record(*first);
  ASSERT_TRUE(advance_until(*first, [&] { return told("learning.training"); }));
  const auto second = std::move(*try_open("m2"));
  for (int i = 0; i < 4; ++i) record(*second);
  ASSERT_TRUE(advance_until(*second, [&] { return told("learning.waiting"); }));
  const auto trainings = [&] { return std::ranges::count(told_, "learning.training"); };
  for (int i = 0; i < 20; ++i) second->advance();
  EXPECT_EQ(trainings(), 1);
  EXPECT_EQ(std::ranges::count(told_, "learning.waiting"), 1);
  EXPECT_TRUE(second->waits());
  EXPECT_FALSE(first->waits());
  ASSERT_TRUE(write_atomically(folder_.path() / "go", "go"));
  ASSERT_TRUE(advance_until(*first, [&] { return told("learning.failed"); }));
  EXPECT_TRUE(advance_until(*second, [&] { return trainings() == 2; }));
}

TEST_F(LearnerTest, AKeyThatCantBeMadeIsAFailedTraining) {
  trainer("exit 0");
  ASSERT_TRUE(write_atomically(folder_.path() / "assets", "in the way"));
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  EXPECT_TRUE(advance_until(*learner, [&] { return told("learning.failed"); }));
  EXPECT_FALSE(told("learning.training"));
}

TEST_F(LearnerTest, WithoutItsStateBeginsAnewAboveTheCounterThatRan) {
  {
    const auto learner = open();
    record(*learner), record(*learner);
  }
  std::filesystem::remove(folder_.path() / "m1" / "state");
  const auto learner = std::move(*try_open("m1", 3));
  EXPECT_EQ(learner->progress(), 0) << "old recordings are of another time";
  EXPECT_EQ(learner->counter(), 3U);
}

TEST_F(LearnerTest, LearnsFromWhatFitsIntoTheDiskBudget) {
  trainer("exit 70");
  settings_.learning.recordings = 50;
  settings_.learning.disk_bytes_max = 40'000;  // a recording takes about 6,000
  const auto learner = open();
  for (int i = 0; i < 20 && !told("learning.disk_budget"); ++i) record(*learner);
  EXPECT_TRUE(told("learning.disk_budget"));
  EXPECT_FALSE(learner->wants_recording());
  EXPECT_TRUE(advance_until(*learner, [&] { return told("learning.training"); }));
}

TEST_F(LearnerTest, ARecordingAboveTheWholeBudgetIsAnError) {
  settings_.learning.disk_bytes_max = 1000;
  const auto learner = open();
  std::vector<float> samples(500);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = std::sin(static_cast<float>(i));
  const auto taken = learner->take({.channels = {samples}});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::limit_reached);
  EXPECT_FALSE(learner->wants_recording()) << "not at once again";
}

// A gateway without a clock of its own is told the time minutes after its start.
class ClockThatIsSet final : public Clock {
 public:
  MonoTime mono() const override { return system_clock().mono(); }
  WallTime wall() const override { return system_clock().wall() + ahead_; }
  void sleep_until(MonoTime until) override { system_clock().sleep_until(until); }
  void set(nanoseconds ahead) { ahead_ = ahead; }

 private:
  nanoseconds ahead_{};
};

TEST_F(LearnerTest, AClockThatIsSetDoesNotEndTheShadowPeriod) {
  ClockThatIsSet clock;
  clock_ = &clock;
  trainer("while [ \"$1\" != --out ]; do shift; done; echo bundle > \"$2\"");
  settings_.learning.shadow_minutes = 10;
  const auto learner = open();
  for (int i = 0; i < 4; ++i) record(*learner);
  ASSERT_TRUE(advance_until(*learner, [&] { return learner->phase() == Phase::shadow; }));
  clock.set(24h);
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(learner->shadow_window(false, true));
  EXPECT_EQ(learner->phase(), Phase::shadow);
  EXPECT_LT(learner->progress(), 0.1F);
}

class SpacingTest : public LearnerTest {
 protected:
  SpacingTest() {
    clock_ = &manual_;
    settings_.learning.minutes = 60;
    settings_.learning.recordings = 60;
  }
  int taken_in(Learner& learner, nanoseconds time) {
    int taken = 0;
    for (nanoseconds gone{}; gone < time; gone += 1s) {
      manual_.advance(1s);
      if (!learner.wants_recording()) continue;
      record(learner);
      ++taken;
    }
    return taken;
  }
};

TEST_F(SpacingTest, RecordingsKeepTheirDistanceAlsoAfterAStop) {
  {
    const auto learner = open();
    EXPECT_NEAR(taken_in(*learner, 10min), 10, 1);
  }
  manual_.advance(24h);
  const auto learner = open();
  EXPECT_TRUE(learner->wants_recording()) << "the next one is long due";
  EXPECT_LE(taken_in(*learner, 5min), 6);
  manual_.advance(1h);  // the sensor was silent
  EXPECT_LE(taken_in(*learner, 5min), 7);
}

}  // namespace
}  // namespace lineside::gateway
