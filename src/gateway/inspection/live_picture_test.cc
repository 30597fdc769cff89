#include "gateway/inspection/live_picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

// A source that offers frames of ever other gray values, each pixel of one frame alike.
class Offering {
 public:
  Offering(LivePicture& live, int width, int height, std::chrono::microseconds period)
      : thread_([&live, width, height, period](const std::stop_token& stop) {
          std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width * height + height * 5));
          for (std::uint8_t value = 0; !stop.stop_requested(); ++value) {
            std::ranges::fill(pixels, value);
            live.offer({.image = {pixels.data(), width, height, width + 5, PixelFormat::gray8}});
            std::this_thread::sleep_for(period);
          }
        }) {}

 private:
  std::jthread thread_;
};

TEST(LivePicture, GivesWholeFramesOnly_WhileTheyComeFast) {
  LivePicture live;
  const Offering source(live, 64, 48, 50us);
  for (int i = 0; i < 30; ++i) {
    const auto image = live.take(5s);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->width, 64);
    ASSERT_EQ(image->pixels.size(), 64U * 48);
    EXPECT_EQ(std::ranges::count(image->pixels, image->pixels[0]), 64 * 48) << "parts of two frames";
  }
}

TEST(LivePicture, CopiesNothing_WhenNobodyLooks) {
  LivePicture live;
  std::vector<std::uint8_t> before(64, 1), now(64, 2);
  live.offer({.image = {before.data(), 8, 8, 8, PixelFormat::gray8}});
  std::jthread later([&] {
    std::this_thread::sleep_for(50ms);
    for (int i = 0; i < 500; ++i) {
      live.offer({.image = {now.data(), 8, 8, 8, PixelFormat::gray8}});
      std::this_thread::sleep_for(1ms);
    }
  });
  const auto image = live.take(5s);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->pixels[0], 2) << "a picture from before anybody looked";
}

TEST(LivePicture, SaysThatNoneCame_AndThatAnotherLooks) {
  LivePicture live;
  EXPECT_EQ(live.take(20ms).error().code, ErrorCode::timeout);
  std::jthread other([&] { EXPECT_EQ(live.take(300ms).error().code, ErrorCode::timeout); });
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(live.take(20ms).error().code, ErrorCode::limit_reached);
  other.join();
  std::vector<std::uint8_t> pixels(64, 9);
  live.offer({.image = {pixels.data(), 8, 8, 8, PixelFormat::gray8}, .damaged = true});
  EXPECT_EQ(live.take(20ms).error().code, ErrorCode::timeout);
}

TEST(LivePicture, FollowsAnotherSizeAndFormat) {
  LivePicture live;
  {
    const Offering small(live, 16, 16, 100us);
    ASSERT_TRUE(live.take(5s));
  }
  const Offering large(live, 200, 100, 100us);
  const auto image = live.take(5s);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->height, 100);
}

}  // namespace
}  // namespace lineside::gateway
