#include "gateway/source/folder_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "gateway/source/make_source.h"
#include "gateway/source/recording_sink.h"
#include "vision/image_io.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using testing::HasSubstr;

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("folder_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    settings_.name = "replay";
    settings_.kind = config::CameraSettings::Kind::folder;
    settings_.path = folder_.string();
    settings_.rate_hz = 200;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void add(const std::string& name, int width = 16, int height = 12, std::size_t keep_bytes = 0) {
    const Image image{width, height, PixelFormat::rgb8,
                      std::vector<std::uint8_t>(static_cast<std::size_t>(width * height) * 3, 100)};
    auto jpeg = vision::encode_jpeg(image.view());
    ASSERT_TRUE(jpeg);
    if (keep_bytes > 0) jpeg->resize(keep_bytes);
    std::ofstream(folder_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(jpeg->data()), static_cast<std::streamsize>(jpeg->size()));
  }
  std::uint64_t bad_frames() {
    return metrics_.counter("lineside_camera_bad_frames_total", "", {{"camera", "replay"}}).value();
  }

  fs::path folder_;
  config::CameraSettings settings_;
  MetricsRegistry metrics_;
};

TEST_F(FolderTest, ShowsPicturesInNameOrder_AndBeginsAgain) {
  add("b.jpg");
  add("a.jpg");
  RecordingSink sink;
  auto source = make_frame_source(settings_, system_clock(), metrics_);
  ASSERT_TRUE(source);
  ASSERT_TRUE((*source)->start(sink));
  ASSERT_TRUE(sink.wait_frames(5));
  (*source)->stop();
  const auto frames = sink.frames();
  EXPECT_EQ(frames[0].name, "a.jpg");
  EXPECT_EQ(frames[1].name, "b.jpg");
  EXPECT_EQ(frames[2].name, "a.jpg");
  for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(frames[i].sequence, i);
  EXPECT_EQ(frames[0].width, 16);
  EXPECT_EQ(sink.states(), (std::vector{SourceState::starting, SourceState::up}));
}

TEST_F(FolderTest, KeepsTheRate_OverManyPictures) {
  add("a.jpg");
  settings_.rate_hz = 100;
  RecordingSink sink;
  auto source = make_frame_source(settings_, system_clock(), metrics_);
  ASSERT_TRUE((*source)->start(sink));
  ASSERT_TRUE(sink.wait_frames(41));
  (*source)->stop();
  const auto frames = sink.frames();
  EXPECT_GE(frames[40].exposure - frames[0].exposure, 395ms);
}

TEST_F(FolderTest, ShowsABrokenPictureAsADamagedFrame_AndCountsIt) {
  add("a.jpg");
  add("b_cut_off.jpg", 16, 12, 200);
  std::ofstream(folder_ / "c_text.jpg") << "not a picture";
  add("d_other_size.jpg", 20, 12);
  add("e.jpg");
  settings_.loop = false;
  RecordingSink sink;
  auto source = make_frame_source(settings_, system_clock(), metrics_);
  ASSERT_TRUE((*source)->start(sink));
  ASSERT_TRUE(sink.wait_downs(1));
  ASSERT_EQ(sink.frames().size(), 5U);
  std::vector<std::string> damaged;
  for (const auto& frame : sink.frames())
    if (frame.damaged) damaged.push_back(frame.name);
  EXPECT_EQ(damaged, (std::vector<std::string>{"b_cut_off.jpg", "c_text.jpg", "d_other_size.jpg"}));
  EXPECT_EQ(bad_frames(), 3U);
  EXPECT_THAT(sink.whys()[0].message, HasSubstr("has ended"));
}

TEST_F(FolderTest, SaysThatNothingCanBeUsed_AndStops) {
  std::ofstream(folder_ / "a.jpg") << "not a picture";
  RecordingSink sink;
  auto source = make_frame_source(settings_, system_clock(), metrics_);
  ASSERT_TRUE((*source)->start(sink));
  ASSERT_TRUE(sink.wait_downs(1));
  EXPECT_THAT(sink.whys()[0].message, HasSubstr("none of the 1 pictures"));
  for (const auto& frame : sink.frames()) EXPECT_TRUE(frame.damaged);
}

TEST_F(FolderTest, IsAnError_WithoutFolderOrPictures) {
  auto empty = make_frame_source(settings_, system_clock(), metrics_);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::file_not_found);
  settings_.path = "/nowhere/at/all";
  auto missing = make_frame_source(settings_, system_clock(), metrics_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::file_not_found);
}

TEST_F(FolderTest, AsFastAsTaken_WaitsForRoomAndLosesNothing) {
  add("a.jpg");
  settings_.rate_hz = 0;
  RecordingSink sink;
  sink.set_room(3);
  auto source = make_frame_source(settings_, system_clock(), metrics_);
  ASSERT_TRUE((*source)->start(sink));
  ASSERT_TRUE(sink.wait_frames(3));
  EXPECT_FALSE(sink.wait_frames(4, 150ms));
  sink.set_room(500);
  ASSERT_TRUE(sink.wait_frames(500));
  (*source)->stop();
  EXPECT_EQ(sink.frames().back().sequence, 499U);
}

TEST_F(FolderTest, ShowsPicturesBeyondTheMemoryBudgetToo) {
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) add(name);
  RecordingSink sink;
  auto source = FolderSource::create(settings_, system_clock(), metrics_, 16 * 12 * 3);
  ASSERT_TRUE((*source)->start(sink));
  ASSERT_TRUE(sink.wait_frames(6));
  (*source)->stop();
  EXPECT_EQ(sink.frames()[2].name, "c.jpg");
  EXPECT_EQ(sink.frames()[5].name, "c.jpg");
  EXPECT_EQ(sink.frames()[5].first_byte, sink.frames()[0].first_byte);
}

TEST_F(FolderTest, StopsAtOnce_BetweenRarePictures) {
  add("a.jpg");
  settings_.rate_hz = 0.01;
  RecordingSink sink;
  auto source = make_frame_source(settings_, system_clock(), metrics_);
  ASSERT_TRUE((*source)->start(sink));
  ASSERT_TRUE(sink.wait_frames(1));
  const auto before = std::chrono::steady_clock::now();
  (*source)->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
}

}  // namespace
}  // namespace lineside::gateway
