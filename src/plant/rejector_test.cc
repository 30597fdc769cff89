#include "plant/rejector.h"

#include <gtest/gtest.h>

namespace lineside::plant {
namespace {

using namespace std::chrono_literals;

class RejectorTest : public testing::Test {
 protected:
  void SetUp() override {
    for (std::uint64_t i = 0; i < 4; ++i) rejector.expect({.bottle = i, .at_camera = start + i * 100ms});
  }
  MonoTime start{10s};
  Rejector rejector{80ms, 40ms};
};

TEST_F(RejectorTest, HitsTheBottleInFrontOfIt_AndSaysByHowMuch) {
  rejector.pulse(start + 100ms + 80ms + 12ms, 7);
  const auto gone = rejector.take_gone(start + 1s);
  ASSERT_EQ(gone.size(), 4U);
  EXPECT_TRUE(gone[1].hit);
  EXPECT_DOUBLE_EQ(gone[1].hit_ms, 12);
  EXPECT_EQ(gone[1].item, 7U);
  EXPECT_FALSE(gone[0].hit || gone[2].hit || gone[3].hit);
  EXPECT_TRUE(rejector.take_misses().empty());
}

TEST_F(RejectorTest, HitsTheNextBottle_WhenThePulseIsAPeriodLate) {
  rejector.pulse(start + 180ms + 95ms, 0);
  const auto gone = rejector.take_gone(start + 1s);
  EXPECT_FALSE(gone[1].hit);
  EXPECT_TRUE(gone[2].hit);
  EXPECT_DOUBLE_EQ(gone[2].hit_ms, -5);
}

TEST_F(RejectorTest, CountsAMiss_BetweenTwoBottles) {
  rejector.pulse(start + 180ms + 45ms, 3);
  for (const auto& outcome : rejector.take_gone(start + 1s)) EXPECT_FALSE(outcome.hit);
  const auto misses = rejector.take_misses();
  ASSERT_EQ(misses.size(), 1U);
  EXPECT_EQ(misses[0].item, 3U);
  EXPECT_DOUBLE_EQ(*misses[0].nearest_ms, 45);
}

TEST_F(RejectorTest, GivesEachBottleOnce_WhenItHasGoneBy) {
  EXPECT_TRUE(rejector.take_gone(start + 100ms).empty());
  EXPECT_EQ(rejector.take_gone(start + 101ms).size(), 1U);
  EXPECT_EQ(rejector.take_gone(start + 101ms).size(), 0U);
  EXPECT_EQ(rejector.take_gone(start + 1s).size(), 3U);
}

TEST_F(RejectorTest, RemovesEverything_WhileInTheSafeState) {
  rejector.set_safe(true);
  EXPECT_TRUE(rejector.take_gone(start + 101ms).at(0).safe_state);
  rejector.set_safe(false);
  EXPECT_FALSE(rejector.take_gone(start + 1s).at(0).safe_state);
}

}  // namespace
}  // namespace lineside::plant
