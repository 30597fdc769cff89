#include "gateway/inspection/station.h"

#include <gtest/gtest.h>

#include <set>

#include "gateway/inspection/test_fakes.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

constexpr std::uint8_t kGood = 10, kBad = 250, kDoubtful = 120;

// A station among fakes. The deadline is generous unless a test is about it: the machine may be busy.
class StationTest : public ::testing::Test {
 protected:
  StationTest() {
    settings_.name = "s1";
    settings_.deadline = 5s;
    settings_.trigger.frame_wait_max = 4s;
    settings_.actuator.delay = 5s;
    settings_.actuator.tolerance = 1s;
    settings_.queue_items = 8;
  }
  ~StationTest() override {
    script_.set([](auto& script) { script.hang = false; });
    station_.reset();
  }

  void make(int cameras = 1, bool triggered = false, bool actuator = false) {
    StationParts parts{.cameras = {},
                       .trigger = nullptr,
                       .actuator = nullptr,
                       .load_model = loader_,
                       .items = items_,
                       .samples = &samples_,
                       .records = records_,
                       .metrics = metrics_,
                       .clock = system_clock(),
                       .summary_period = 50ms};
    for (int i = 0; i < cameras; ++i) {
      auto source = std::make_unique<testing::FakeSource>();
      cameras_.push_back(source.get());
      parts.cameras.push_back({.name = "c" + std::to_string(i),
                               .width = expected_size_,
                               .height = expected_size_,
                               .source = std::move(source)});
    }
    if (triggered) {
      auto trigger = std::make_unique<testing::FakeTrigger>();
      trigger_ = trigger.get();
      parts.trigger = std::move(trigger);
    }
    if (actuator) parts.actuator = std::make_unique<testing::FakeActuator>(actuator_);
    auto station = Station::create(settings_, std::move(parts));
    ASSERT_TRUE(station.has_value()) << station.error().message;
    station_ = std::move(*station);
    station_->start();
    for (const auto* camera : cameras_) ASSERT_TRUE(eventually([&] { return camera->started(); }));
    ASSERT_TRUE(eventually([&] { return !actuator || station_->condition().actuator_up || !actuator_.reachable; }));
  }
  // The verdicts of `items` items, in the order of their numbers.
  std::vector<Verdict> verdicts(std::size_t items) {
    EXPECT_TRUE(eventually([&] { return items_.size() >= items; })) << items_.size() << " of " << items;
    auto all = items_.verdicts();
    std::ranges::sort(all, {}, &Verdict::item);
    return all;
  }

  config::StationSettings settings_;
  int expected_size_ = 0;  // of each camera's frames, in px
  testing::ModelScript script_;
  ModelLoader loader_ = [this](std::uint64_t) -> Result<LoadedModel> {
    return LoadedModel{std::make_unique<testing::FakeClassifier>(script_), 1};
  };
  testing::FakeItemLog items_;
  testing::FakeSamples samples_;
  testing::FakeRecords records_;
  MetricsRegistry metrics_;
  testing::ActuatorScript actuator_;
  std::vector<testing::FakeSource*> cameras_;
  testing::FakeTrigger* trigger_ = nullptr;
  std::unique_ptr<Station> station_;
};

TEST_F(StationTest, JudgesEachFrame_AndTellsLedgerHubAndSamples) {
  make();
  cameras_[0]->give(kGood);
  ASSERT_TRUE(eventually([&] { return items_.size() == 1; }));
  cameras_[0]->give(kBad);
  const auto all = verdicts(2);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].decision, Decision::pass);
  EXPECT_EQ(all[1].decision, Decision::reject);
  EXPECT_EQ(all[1].reason, Reason::score);
  EXPECT_TRUE(all[1].deadline_met);
  const Stamps& stamps = all[1].stamps;
  EXPECT_LE(stamps.trigger, stamps.exposure);
  EXPECT_LE(stamps.exposure, stamps.preprocess);
  EXPECT_LE(stamps.preprocess, stamps.inference);
  EXPECT_LE(stamps.inference, stamps.decision);
  ASSERT_TRUE(eventually([&] { return records_.of<VerdictRecord>().size() == 2; }));
  const auto record = records_.of<VerdictRecord>()[1];
  EXPECT_EQ(record.label, "bad");
  EXPECT_EQ(record.model_version, "fake@1");
  EXPECT_EQ(record.decision_ns, (stamps.decision - stamps.trigger).count());
  EXPECT_EQ(record.actuation_ns, -1);
  EXPECT_TRUE(eventually([&] { return samples_.pixels() == std::map<std::uint64_t, int>{{all[1].item, kBad}}; }));
}

TEST_F(StationTest, IssuesTheFailSafeVerdictAtTheDeadline_WhenTheModelHangs) {
  settings_.deadline = 60ms;
  make();
  script_.set([](auto& script) { script.hang = true; });
  const MonoTime exposure = system_clock().mono();
  cameras_[0]->give(kGood, exposure);
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].decision, Decision::reject);
  EXPECT_EQ(all[0].reason, Reason::fail_late);
  EXPECT_FALSE(all[0].deadline_met);
  EXPECT_GE(all[0].stamps.decision, exposure + 60ms);
  script_.set([](auto& script) { script.hang = false; });
  EXPECT_TRUE(eventually(
      [&] { return metrics_.counter("lineside_late_answers_total", "", {{"station", "s1"}}).value() == 1; }));
  station_->stop();
  EXPECT_EQ(items_.size(), 1U) << "the late answer must not become a second verdict";
}

TEST_F(StationTest, PassesOnFailure_WhenTheFailSafeIsPass) {
  settings_.fail_safe = Decision::pass;
  make();
  script_.set([](auto& script) { script.fail = true; });
  cameras_[0]->give(kBad);
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].decision, Decision::pass);
  EXPECT_EQ(all[0].reason, Reason::fail_inference);
}

TEST_F(StationTest, GivesOverloadVerdictsAtOnce_WhenMoreWaitThanTheQueueTakes) {
  settings_.queue_items = 2;
  make();
  script_.set([](auto& script) { script.hang = true; });
  cameras_[0]->give(kGood);
  ASSERT_TRUE(eventually([&] { return script_.hanging == 1; }));
  for (int i = 0; i < 4; ++i) cameras_[0]->give(kGood);
  ASSERT_TRUE(eventually([&] { return items_.size() == 2; })) << "one runs, two wait, two are too many";
  for (const Verdict& verdict : items_.verdicts()) EXPECT_EQ(verdict.reason, Reason::fail_overload);
  script_.set([](auto& script) { script.hang = false; });
  EXPECT_EQ(verdicts(5).size(), 5U);
  EXPECT_TRUE(eventually([&] { return records_.events("station.overload") == 1; }));
}

TEST_F(StationTest, RejectsDoubtfulItems_InsideTheBand) {
  settings_.doubt_band = 0.1;
  make();
  cameras_[0]->give(kDoubtful);
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].decision, Decision::reject);
  EXPECT_EQ(all[0].reason, Reason::doubt);
}

TEST_F(StationTest, TakesTheConfiguredThresholdInsteadOfTheBundles) {
  settings_.reject_threshold = 0.99;
  make();
  cameras_[0]->give(kBad);
  ASSERT_EQ(verdicts(1).size(), 1U);
  EXPECT_EQ(items_.verdicts()[0].decision, Decision::pass);
}

TEST_F(StationTest, SaysCamera_WhenAFrameHasAnotherSize) {
  make();
  cameras_[0]->give(kGood);
  cameras_[0]->give(kGood, system_clock().mono(), 16, 8);
  const auto all = verdicts(2);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].reason, Reason::score);
  EXPECT_EQ(all[1].reason, Reason::fail_camera);
  EXPECT_EQ(records_.events("camera.wrong_size"), 1);
}

TEST_F(StationTest, TakesAGrayCamera_WhoseFrameSizeIsConfigured) {
  expected_size_ = 8;
  make();
  cameras_[0]->give(kGood, system_clock().mono(), 16, 8);
  const std::vector<std::uint8_t> pixels(64, kBad);
  FrameView frame;
  frame.image = {pixels.data(), 8, 8, 8, PixelFormat::gray8};
  frame.exposure = system_clock().mono();
  cameras_[0]->sink()->on_frame(frame);
  const auto all = verdicts(2);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].reason, Reason::fail_camera) << "another size than the configured one";
  EXPECT_EQ(all[1].reason, Reason::score);
}

TEST_F(StationTest, ASlowSampleStoreCostsPictures_NeverAVerdict) {
  make();
  {
    const auto held = samples_.hold();
    for (std::uint64_t items = 1; items <= 30; ++items) {
      cameras_[0]->give(kBad);
      ASSERT_TRUE(eventually([&] { return station_->verdicts_issued() == items; }));
    }
  }
  for (const Verdict& verdict : verdicts(30)) EXPECT_EQ(verdict.reason, Reason::score);
  const Labels camera{{"station", "s1"}, {"camera", "c0"}};
  EXPECT_GT(metrics_.counter("lineside_samples_missed_total", "", camera).value(), 0U);
}

TEST_F(StationTest, PairsATriggerWithTheFirstFrameAfterIt) {
  make(1, true);
  cameras_[0]->give(kBad);  // before any trigger
  const MonoTime now = system_clock().mono();
  trigger_->fire(now);
  cameras_[0]->give(kGood, now + 1us);
  cameras_[0]->give(kBad, now + 2us);
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].decision, Decision::pass);
  EXPECT_EQ(all[0].stamps.exposure, now + 1us);
}

TEST_F(StationTest, PairsAFrameThatWasSeenBeforeItsTriggerWas) {
  make(1, true);
  const MonoTime trigger = system_clock().mono();
  cameras_[0]->give(kGood, trigger + 1us);  // the trigger's thread was slow
  trigger_->fire(trigger);
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].decision, Decision::pass);
}

TEST_F(StationTest, SaysNoFrame_WhenTheTriggerWasAlone) {
  settings_.trigger.frame_wait_max = 20ms;
  make(1, true);
  cameras_[0]->give(kGood);  // the camera is up
  trigger_->fire(system_clock().mono() + 1ms);
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].reason, Reason::fail_no_frame);
  EXPECT_TRUE(all[0].deadline_met) << "the fail-safe verdict itself came in time";
}

TEST_F(StationTest, SaysCameraAtOnce_WhenItIsDown_AndEventsSayLostAndRecovered) {
  make(1, true);
  cameras_[0]->give(kGood);
  cameras_[0]->sink()->on_state(SourceState::down, {ErrorCode::camera_unavailable, "no route; trying again"});
  trigger_->fire();
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].reason, Reason::fail_camera);
  EXPECT_EQ(records_.events("camera.lost"), 1);
  EXPECT_NE(station_->condition().trouble.find("no route"), std::string::npos);
  cameras_[0]->give(kGood);
  EXPECT_EQ(records_.events("camera.recovered"), 1);
  EXPECT_EQ(station_->condition().trouble, "");
}

TEST_F(StationTest, VotesOverSeveralCameras) {
  settings_.votes_needed = 2;
  make(3, true);
  for (auto* camera : cameras_) camera->give(kGood);
  const MonoTime first = system_clock().mono();
  trigger_->fire(first);
  for (std::size_t i = 0; i < 3; ++i) cameras_[i]->give(i == 1 ? kGood : kBad, first + 1us);
  ASSERT_TRUE(eventually([&] { return items_.size() == 1; }));
  const MonoTime second = system_clock().mono();
  trigger_->fire(second);
  for (std::size_t i = 0; i < 3; ++i) cameras_[i]->give(i == 1 ? kBad : kGood, second + 1us);
  const auto all = verdicts(2);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].decision, Decision::reject);
  EXPECT_EQ(all[0].reason, Reason::vote);
  EXPECT_EQ(all[1].decision, Decision::pass);
}

TEST_F(StationTest, KeepsGoingInFailSafe_WhenTheModelCannotBeLoaded) {
  loader_ = [](std::uint64_t) -> Result<LoadedModel> {
    return lineside::fail(ErrorCode::bundle_signature, "bad seal");
  };
  make();
  cameras_[0]->give(kGood);
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].reason, Reason::fail_inference);
  EXPECT_EQ(records_.events("model.unavailable"), 1);
  EXPECT_EQ(station_->condition().trouble, "bad seal");
}

TEST_F(StationTest, SummariesAddUpToTheVerdicts) {
  make();
  for (int i = 0; i < 20; ++i) {
    cameras_[0]->give(i % 4 == 0 ? kBad : kGood);
    ASSERT_TRUE(eventually([&] { return items_.size() == static_cast<std::size_t>(i) + 1; }));
  }
  station_->stop();
  std::uint64_t in_buckets = 0;
  StationSummary sum;
  for (const auto& one : records_.of<StationSummary>()) {
    EXPECT_EQ(nanoseconds{one.deadline_ns}, 5s);
    sum.items += one.items, sum.passed += one.passed;
    sum.rejected += one.rejected;
    sum.raw_bytes += one.raw_bytes;
    for (const auto& [bound, count] : one.decision_latency) in_buckets += count;
  }
  EXPECT_EQ(sum.items, 20U);
  EXPECT_EQ(sum.passed, 15U);
  EXPECT_EQ(sum.rejected, 5U);
  EXPECT_EQ(sum.raw_bytes, 20U * 8 * 8 * 3);
  EXPECT_EQ(in_buckets, 20U);
}

TEST_F(StationTest, GivesWhatIsOpenItsVerdict_WhenItStops) {
  make(1, true);
  cameras_[0]->give(kGood);
  for (int i = 0; i < 5; ++i) trigger_->fire(system_clock().mono() + 1s);
  station_->stop();
  EXPECT_EQ(station_->items_opened(), 5U);
  EXPECT_EQ(station_->verdicts_issued(), 5U);
  EXPECT_EQ(items_.size(), 5U);
}

TEST_F(StationTest, SaysSoAndGoesOn_WhenTheTriggerIsLost) {
  make(1, true);
  trigger_->lose();
  EXPECT_EQ(records_.events("trigger.lost"), 1);
  EXPECT_TRUE(station_->condition().trouble.ends_with(". line cut"));  // after what the camera has
}

TEST_F(StationTest, RefusesADeadlineAfterTheItemHasGoneBy) {
  settings_.deadline = 100ms;
  settings_.actuator.delay = 80ms;
  settings_.actuator.tolerance = 10ms;
  StationParts parts{.cameras = {},
                     .trigger = nullptr,
                     .actuator = std::make_unique<testing::FakeActuator>(actuator_),
                     .load_model = loader_,
                     .items = items_,
                     .records = records_,
                     .metrics = metrics_,
                     .clock = system_clock()};
  parts.cameras.push_back({.name = "c", .source = std::make_unique<testing::FakeSource>()});
  const auto station = Station::create(settings_, std::move(parts));
  ASSERT_FALSE(station.has_value());
  EXPECT_EQ(station.error().code, ErrorCode::config_invalid);
}

TEST_F(StationTest, FiresAtTheMomentOfTheItem_NeverEarlier) {
  settings_.deadline = 40ms;
  settings_.actuator.delay = 80ms;
  settings_.actuator.tolerance = 10s;
  make(1, false, true);
  std::vector<MonoTime> exposures;
  for (int i = 0; i < 5; ++i) {
    exposures.push_back(system_clock().mono());
    cameras_[0]->give(kBad, exposures.back());
    std::this_thread::sleep_for(10ms);
  }
  const auto all = verdicts(5);
  const auto shots = actuator_.all_shots();
  ASSERT_EQ(shots.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(shots[i].command.fire_at, exposures[i] + 80ms);
    EXPECT_GE(shots[i].at, shots[i].command.fire_at);
    EXPECT_EQ(shots[i].command.item, all[i].item);
    EXPECT_TRUE(all[i].actuated);
    EXPECT_GE(all[i].stamps.actuation, exposures[i] + 80ms);
  }
}

TEST_F(StationTest, DoesNotHitTheNextItem_WhenTheMomentHasPassed) {
  settings_.deadline = 20ms;
  settings_.actuator.delay = 30ms;
  settings_.actuator.tolerance = 5ms;
  make(1, false, true);
  cameras_[0]->give(kBad, system_clock().mono() - 1s);  // the frame was a second on its way
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].reason, Reason::fail_late);
  EXPECT_FALSE(all[0].actuated);
  EXPECT_TRUE(actuator_.all_shots().empty());
  EXPECT_EQ(records_.events("actuator.missed"), 1);
  EXPECT_TRUE(eventually([&] { return station_->condition().counts.actuation_failed == 1; }));
}

TEST_F(StationTest, SaysWithinOneItem_WhenTheActuatorIsUnreachable_AndWhenItIsBack) {
  settings_.deadline = 10ms;
  settings_.actuator.delay = 20ms;
  settings_.actuator.tolerance = 10s;
  make(1, false, true);
  actuator_.set_reachable(false);
  cameras_[0]->give(kBad);
  ASSERT_EQ(verdicts(1).size(), 1U);
  EXPECT_EQ(records_.events("actuator.unreachable"), 1);
  EXPECT_FALSE(items_.verdicts()[0].actuated);
  EXPECT_GE(actuator_.count(&testing::ActuatorScript::safes), 1);
  actuator_.set_reachable(true);
  EXPECT_TRUE(eventually([&] { return records_.events("actuator.recovered") == 1; }));
  cameras_[0]->give(kBad);
  EXPECT_TRUE(verdicts(2).back().actuated);
}

TEST_F(StationTest, FindsTheActuatorAgain_WhileRejectsNeverStop) {
  settings_.deadline = 20ms;
  settings_.actuator.delay = 100ms;
  settings_.actuator.tolerance = 10s;
  settings_.actuator.timeout = 500ms;
  make(1, false, true);
  actuator_.set_reachable(false);
  cameras_[0]->give(kBad);
  ASSERT_TRUE(eventually([&] { return records_.events("actuator.unreachable") == 1; }));
  actuator_.set_reachable(true);
  const auto until = std::chrono::steady_clock::now() + 3s;
  while (records_.events("actuator.recovered") == 0 && std::chrono::steady_clock::now() < until) {
    cameras_[0]->give(kBad);  // so that one is always due sooner than the actuator may take to answer
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(records_.events("actuator.recovered"), 1);
}

TEST_F(StationTest, AnUnreachableActuatorHoldsUpNoVerdict) {
  settings_.deadline = 4s;
  actuator_.reachable = false;
  make(1, false, true);
  cameras_[0]->give(kGood);
  const auto all = verdicts(1);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].decision, Decision::pass);
  EXPECT_TRUE(eventually([&] { return records_.events("actuator.unreachable") == 1; }));
}

// Hot swap and the way back.
class ModelSwapTest : public StationTest {
 protected:
  ModelSwapTest() {
    loader_ = [this](std::uint64_t newer_than) -> Result<LoadedModel> {
      const int version = version_.load();
      if (static_cast<std::uint64_t>(version) <= newer_than)
        return lineside::fail(ErrorCode::bundle_rollback, "not newer");
      auto& script = version == 1 ? script_ : second_script_;
      return LoadedModel{std::make_unique<testing::FakeClassifier>(script, "fake@" + std::to_string(version)),
                         static_cast<std::uint64_t>(version)};
    };
  }
  std::atomic<int> version_{1};
  testing::ModelScript second_script_;
};

TEST_F(ModelSwapTest, ChangesTheModelBetweenTwoItems_WithoutAMissedVerdict) {
  make();
  std::size_t items = 0;
  const auto give = [&] {
    cameras_[0]->give(kGood);
    ++items;
    return eventually([&] { return items_.size() >= items; });
  };
  ASSERT_TRUE(give());
  version_ = 2;
  station_->reload_model();
  while (items < 2000 && items_.models().back() != "fake@2") ASSERT_TRUE(give());
  EXPECT_EQ(items_.models().back(), "fake@2");
  for (const Verdict& verdict : verdicts(items)) EXPECT_EQ(verdict.reason, Reason::score);
  EXPECT_TRUE(eventually([&] { return records_.events("model.changed") == 1; }));
}

TEST_F(ModelSwapTest, RefusesAModelThatIsNotNewer_AndKeepsTheOneInUse) {
  make();
  station_->reload_model();
  EXPECT_TRUE(eventually([&] { return records_.events("model.refused") == 1; }));
  cameras_[0]->give(kGood);
  EXPECT_EQ(verdicts(1).front().reason, Reason::score);
}

TEST_F(ModelSwapTest, GoesBackByItself_WhenTheNewModelFails) {
  make();
  cameras_[0]->give(kGood);
  version_ = 2;
  second_script_.fail = true;
  station_->reload_model();
  ASSERT_TRUE(eventually([&] { return station_->condition().model_version == "fake@2"; }));
  for (std::size_t i = 2; i <= 4; ++i) {
    cameras_[0]->give(kGood);
    ASSERT_TRUE(eventually([&] { return items_.size() == i; }));
  }
  ASSERT_TRUE(eventually([&] { return records_.events("model.rolled_back") == 1; }));
  EXPECT_EQ(station_->condition().model_version, "fake@1");
  cameras_[0]->give(kBad);
  const auto all = verdicts(5);
  EXPECT_EQ(all[3].reason, Reason::fail_inference);
  EXPECT_EQ(all[4].reason, Reason::score);
}

}  // namespace
}  // namespace lineside::gateway
