#include "gateway/tags/tag_fan_out.h"

#include <gtest/gtest.h>

#include "gateway/tags/test_tag_sink.h"

namespace lineside::gateway {
namespace {

TEST(TagFanOut, GivesEveryTakerEverything) {
  testing::TakingSink first, second;
  TagFanOut fan;
  fan.add(first);
  fan.add(second);
  const Sample samples[] = {{.tag = 3, .value = 1.5, .quality = Quality::good}, {.tag = 4}};
  fan.on_samples(samples);
  fan.on_source(false, "gone");
  fan.on_bad_value(4, "text");
  for (testing::TakingSink* sink : {&first, &second}) {
    EXPECT_TRUE(sink->is(3, 1.5));
    EXPECT_TRUE(sink->is_bad(4));
    EXPECT_EQ(sink->downs, 1);
    EXPECT_EQ(sink->reasons, std::vector<std::string>{"gone"});
    EXPECT_EQ(sink->why_bad(4), "text");
  }
}

TEST(TagFanOut, TakesWhatNobodyWants) { TagFanOut().on_source(true, ""); }

}  // namespace
}  // namespace lineside::gateway
