#include "plant/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace lineside::plant {
namespace {

TEST(DrawPictures, RefusesAFolderThatHoldsSomething) {
  const TestFolder folder;
  const DrawOptions options{.out = folder.path() / "pictures", .count = 2, .series = true};
  const auto go_on = [](int) { return true; };
  ASSERT_TRUE(draw_pictures(options, go_on));
  const auto again = draw_pictures(options, go_on);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::usage);
  EXPECT_THAT(again.error().message, testing::HasSubstr("not empty"));
}

}  // namespace
}  // namespace lineside::plant
