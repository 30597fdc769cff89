#include "gateway/inspection/camera_lane.h"

#include <gtest/gtest.h>

#include "gateway/inspection/frame_slots.h"
#include "gateway/inspection/test_fakes.h"

namespace lineside::gateway {
namespace {

using testing::eventually;
using namespace std::chrono_literals;

constexpr std::uint8_t kGood = 10, kBad = 250;

// Keeps what it is offered.
class Kept final : public SampleSink {
 public:
  SampleWhy wants(Decision, Reason reason, float, float) override {
    return is_fail_safe(reason) ? SampleWhy::fail_safe : SampleWhy::random_pass;
  }
  void offer(const Verdict&, std::string_view, SampleWhy, const ImageView&) override {}
};

class CameraLaneTest : public ::testing::Test {
 protected:
  explicit CameraLaneTest(std::chrono::milliseconds deadline = 20ms) {
    station_.name = "s1";
    station_.deadline = deadline;
    station_.fail_safe = Decision::reject;
    desk_ = std::make_unique<VerdictDesk>(station_, 1, false, items_, system_clock(), metrics_);
    const ModelLoader load = [this](std::uint64_t) -> Result<LoadedModel> {
      const auto count = ++loads_;
      return LoadedModel{std::make_unique<testing::FakeClassifier>(count == 1 ? script_ : second_script_), count};
    };
    lane_ = std::make_unique<CameraLane>(LaneSettings{.station = "s1", .camera = "c1", .opens_items = true}, load,
                                         *desk_, &samples_, events_, metrics_, [](const ItemTicket&) {});
    lane_->start_model();
    EXPECT_TRUE(eventually([this] {
      lane_->check_models();
      return lane_->model_ready();
    }));
  }
  ~CameraLaneTest() override {
    script_.set([](auto& script) { script.hang = false; });
  }
  void give(std::uint8_t grey, PixelFormat format) {
    const std::vector<std::uint8_t> pixels(8 * 8 * 3, grey);
    lane_->on_frame(
        {.image = {pixels.data(), 8, 8, 8 * channels_of(format), format}, .exposure = system_clock().mono()});
  }
  // The next report that lends a picture to the sample store.
  Report sample() {
    Report report;
    EXPECT_TRUE(eventually([&] { return desk_->next_report(report) && report.slot != nullptr; }));
    return report;
  }

  config::StationSettings station_;
  testing::ModelScript script_, second_script_;
  std::atomic<std::uint64_t> loads_{0};
  testing::FakeItemLog items_;
  testing::FakeRecords records_;
  Kept samples_;
  MetricsRegistry metrics_;
  EventLog events_{"s1", records_, system_clock(), metrics_};
  std::unique_ptr<VerdictDesk> desk_;
  std::unique_ptr<CameraLane> lane_;
};

TEST_F(CameraLaneTest, ALateItemsPicture_CarriesTheVerdictThatWasActedOn_AndTheModelsOwnScore) {
  script_.set([](auto& script) { script.hang = true; });
  give(kGood, PixelFormat::rgb8);
  ASSERT_TRUE(eventually([&] { return script_.hanging == 1; }));
  std::this_thread::sleep_for(25ms);
  script_.set([](auto& script) { script.hang = false; });
  const Report late = sample();
  EXPECT_EQ(late.outcome.verdict.decision, Decision::reject) << "the model's own decision was not acted on";
  EXPECT_EQ(late.outcome.verdict.reason, Reason::fail_late);
  EXPECT_NEAR(late.outcome.verdict.score, kGood / 255.0, 1e-3);
  EXPECT_EQ(late.why, SampleWhy::fail_safe);
}

TEST_F(CameraLaneTest, SaysWhatDiffers_WhenAFrameHasTheRightSizeButNotTheRightPixels) {
  give(kGood, PixelFormat::rgb8);
  give(kGood, PixelFormat::gray8);
  const auto events = records_.of<EventRecord>();
  ASSERT_EQ(records_.events("camera.wrong_size"), 1);
  EXPECT_NE(events.back().message.find("sent a gray frame where colour ones are expected"), std::string::npos)
      << events.back().message;
}

TEST_F(CameraLaneTest, GivesADamagedFramesItemTheFailSafeVerdict_WithoutLookingAtIt) {
  lane_->on_frame({.exposure = system_clock().mono(), .damaged = true});
  Report report;
  ASSERT_TRUE(eventually([&] { return desk_->next_report(report); }));
  EXPECT_EQ(report.outcome.verdict.reason, Reason::fail_camera);
  EXPECT_EQ(report.outcome.verdict.decision, Decision::reject);
  EXPECT_EQ(records_.events("camera.wrong_size"), 0);
}

TEST_F(CameraLaneTest, MakesTheModelsInputOnTheSourcesThread_WhileTheModelsThreadWakesUp) {
  give(kGood, PixelFormat::rgb8);
  EXPECT_NEAR(sample().outcome.verdict.score, kGood / 255.0, 1e-3);
  EXPECT_EQ(script_.made_ahead, 1);
  EXPECT_EQ(script_.made_late, 0);
}

class PatientLaneTest : public CameraLaneTest {
 protected:
  PatientLaneTest() : CameraLaneTest(10s) {}
};

TEST_F(PatientLaneTest, MakesTheInputAnew_WhenAnotherModelTakesAFrameThatWasMadeReadyForTheOneBefore) {
  script_.set([](auto& script) { script.hang = true; });
  give(kBad, PixelFormat::rgb8);
  ASSERT_TRUE(eventually([&] { return script_.hanging == 1; }));
  give(kGood, PixelFormat::rgb8);
  lane_->load_newer_model();
  ASSERT_TRUE(eventually([&] {
    lane_->check_models();
    return second_script_.made_late == 2;  // after a blank one, before any frame
  }));
  EXPECT_NEAR(sample().outcome.verdict.score, kGood / 255.0, 1e-3);
  EXPECT_EQ(script_.made_ahead, 2);
  EXPECT_EQ(second_script_.made_ahead, 1) << "the blank one";
}

TEST(FrameSlots, HoldPixelsInsteadOfCopyingThem_AndLetGoOfEach) {
  int held = 0;
  const std::vector<std::uint8_t> pixels(64, kGood);
  const FrameView frame{.image = {pixels.data(), 8, 8, 8, PixelFormat::gray8},
                        .hold = {&held, [](void* count) { ++*static_cast<int*>(count); },
                                 [](void* count) { --*static_cast<int*>(count); }}};
  {
    FrameSlots slots(2);
    slots.prepare(8, 8, PixelFormat::gray8);
    FrameSlot& parked = *slots.acquire_to_park();
    slots.fill(parked, frame);
    EXPECT_EQ(parked.image.data, pixels.data());
    slots.park(parked);
    FrameSlot& judged = *slots.acquire();
    slots.fill(judged, frame);
    EXPECT_EQ(held, 2);
    FrameSlots::release(judged);
    EXPECT_EQ(held, 1);
  }
  EXPECT_EQ(held, 0) << "a frame that no item wanted is held for ever";
}

TEST(FrameSlots, KeepTheModelAwakeOnlyForAnItemsFrame) {
  FrameSlots slots(2);
  slots.prepare(8, 8, PixelFormat::gray8);
  FrameSlot& parked = *slots.acquire_to_park();
  EXPECT_FALSE(slots.being_filled()) << "no item waits for it: whoever stays awake for it burns its core";
  slots.park(parked);
  FrameSlot& item = *slots.acquire();
  EXPECT_TRUE(slots.being_filled());
  EXPECT_TRUE(slots.publish(item));
  EXPECT_FALSE(slots.being_filled());
  FrameSlot* found = slots.unpark();
  ASSERT_EQ(found, &parked);
  EXPECT_TRUE(slots.publish(*found));
  EXPECT_EQ(slots.take(), &item);
  EXPECT_EQ(slots.take(), &parked);
}

}  // namespace
}  // namespace lineside::gateway
