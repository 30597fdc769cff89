#include "gateway/uplink/lane_sender.h"

#include <gtest/gtest.h>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

MonoTime at(nanoseconds since) { return MonoTime{since}; }

// Lets the hub answer the first question with what the gateway knows.
void start(LaneSender& sender, std::uint64_t acknowledged) {
  sender.restart(acknowledged);
  sender.asked(at(0s));
  sender.on_ack(acknowledged, false, at(0s));
}

LaneSender make(std::size_t window_batches = 4) {
  return LaneSender(
      {.ack_timeout = 5s, .window_batches = window_batches, .window_bytes_min = 1000, .window_bytes_max = 16'000});
}

TEST(LaneSender, StopsWhenItsWindowIsFull_AndGoesOnWithAnAck) {
  LaneSender sender = make(2);
  start(sender, 10);
  sender.sent(20, 100, at(0s));
  EXPECT_TRUE(sender.may_send());
  sender.sent(30, 100, at(0s));
  EXPECT_FALSE(sender.may_send());
  EXPECT_TRUE(sender.on_ack(20, false, at(1s)));
  EXPECT_TRUE(sender.may_send());
  EXPECT_EQ(sender.sent_through(), 30U);
  EXPECT_EQ(sender.acknowledged(), 20U);
}

TEST(LaneSender, GoesBackOnce_WhenTheHubSeesAHole) {
  LaneSender sender = make();
  start(sender, 0);
  for (std::uint64_t last : {10, 20, 30, 40}) sender.sent(last, 10, at(0s));
  // The first got lost; each of the others is answered.
  for (int i = 0; i < 3; ++i) sender.on_ack(0, true, at(100ms));
  EXPECT_EQ(sender.go_back_if_due(at(100ms)), 4U);
  EXPECT_EQ(sender.sent_through(), 0U);
  sender.sent(10, 10, at(110ms));
  sender.on_ack(0, true, at(120ms));  // an answer to something from before
  EXPECT_EQ(sender.go_back_if_due(at(120ms)), 0U);
  ASSERT_TRUE(sender.next_deadline());
  EXPECT_TRUE(sender.on_ack(10, false, at(130ms)));
  EXPECT_TRUE(sender.idle());
}

TEST(LaneSender, ProbesWithOneBatch_LessAndLessOften_WhileTheHubIsSilent) {
  LaneSender sender = make();
  start(sender, 0);
  sender.sent(10, 10, at(0s));
  sender.sent(20, 10, at(0s));
  EXPECT_EQ(sender.go_back_if_due(at(4999ms)), 0U);
  EXPECT_EQ(sender.go_back_if_due(at(5s)), 2U);
  sender.sent(10, 10, at(5s));
  EXPECT_FALSE(sender.may_send());
  EXPECT_EQ(sender.next_deadline(), at(15s));
  EXPECT_EQ(sender.go_back_if_due(at(15s)), 1U);
  sender.sent(10, 10, at(15s));
  EXPECT_EQ(sender.next_deadline(), at(35s));
  sender.on_ack(10, false, at(16s));
  EXPECT_TRUE(sender.may_send());
  sender.sent(20, 10, at(16s));
  EXPECT_EQ(sender.next_deadline(), at(21s));
}

TEST(LaneSender, IgnoresAnOlderWatermark_AndJumpsOverWhatTheHubHas) {
  LaneSender sender = make();
  start(sender, 0);
  EXPECT_TRUE(sender.on_ack(50, false, at(0s)));  // from before our restart
  EXPECT_EQ(sender.sent_through(), 50U);
  EXPECT_FALSE(sender.on_ack(20, false, at(0s)));
  EXPECT_EQ(sender.go_back_if_due(at(0s)), 0U);
  EXPECT_EQ(sender.acknowledged(), 50U);
}

TEST(LaneSender, KnowsWhatAHubHasForgotten_UntilItIsExplained) {
  LaneSender sender = make();
  start(sender, 50);
  sender.sent(60, 10, at(0s));
  EXPECT_FALSE(sender.on_ack(20, true, at(1s)));
  EXPECT_EQ(sender.hub_forgot_after(), 20U);
  EXPECT_EQ(sender.go_back_if_due(at(1s)), 1U);
  EXPECT_EQ(sender.sent_through(), 50U);
  sender.sent(60, 10, at(1s));
  EXPECT_TRUE(sender.on_ack(60, false, at(2s)));
  EXPECT_FALSE(sender.hub_forgot_after());
}

TEST(LaneSender, AsksBeforeItSends_AndAgainWhenNobodyAnswers) {
  LaneSender sender = make();
  sender.restart(50);
  EXPECT_FALSE(sender.may_send());
  EXPECT_TRUE(sender.ask_due(at(0s)));
  sender.asked(at(0s));
  EXPECT_FALSE(sender.ask_due(at(4s)));
  EXPECT_EQ(sender.next_deadline(), at(5s));
  EXPECT_TRUE(sender.ask_due(at(5s)));
  sender.asked(at(5s));
  EXPECT_EQ(sender.next_deadline(), at(15s));
  sender.on_ack(60, false, at(6s));
  EXPECT_TRUE(sender.may_send());
  EXPECT_FALSE(sender.ask_due(at(60s)));
  EXPECT_EQ(sender.sent_through(), 60U);
}

// One batch that takes so long.
void one_batch(LaneSender& sender, std::uint64_t number, MonoTime begin, nanoseconds round_trip) {
  sender.sent(number, 10, begin);
  sender.on_ack(number, false, begin + round_trip);
}

TEST(LaneSender, FitsItsWindowToTheLink) {
  LaneSender sender = make(100);
  start(sender, 0);
  EXPECT_EQ(sender.batch_bytes_max(), 500U);
  for (std::uint64_t i = 1; i <= 5; ++i) one_batch(sender, i, at(1s * i), 100ms);
  EXPECT_EQ(sender.batch_bytes_max(), 8000U);
  sender.sent(6, 15'999, at(10s));
  EXPECT_TRUE(sender.may_send());
  sender.sent(7, 10, at(10s));
  EXPECT_FALSE(sender.may_send());
  sender.on_ack(7, false, at(11'500ms));  // slow, the one as the other, because of the same window
  EXPECT_EQ(sender.batch_bytes_max(), 4000U);
}

TEST(LaneSender, WaitsForWhatAChangeOfItsWindowBrings) {
  LaneSender sender = make();
  start(sender, 0);
  for (std::uint64_t i = 1; i <= 3; ++i) sender.sent(i, 10, at(0s));
  for (std::uint64_t i = 1; i <= 3; ++i) sender.on_ack(i, false, at(1s + 10ms * i));
  EXPECT_EQ(sender.batch_bytes_max(), 1000U) << "all three were sent into the same small window";
  sender.sent(4, 10, at(1100ms));
  sender.on_ack(4, false, at(2100ms));
  EXPECT_EQ(sender.batch_bytes_max(), 1000U) << "what is before it was, too";
  sender.sent(5, 10, at(2100ms));
  sender.on_ack(5, false, at(3100ms));
  EXPECT_EQ(sender.batch_bytes_max(), 2000U);
}

TEST(LaneSender, TellsTheDelayOfTheLinkFromWaitingInLine) {
  LaneSender sender = make();
  start(sender, 0);
  for (std::uint64_t i = 1; i <= 5; ++i) one_batch(sender, i, at(3s * i), 1200ms);
  EXPECT_EQ(sender.batch_bytes_max(), 8000U) << "a satellite is far, but carries much";
  one_batch(sender, 6, at(20s), 1700ms);
  EXPECT_EQ(sender.batch_bytes_max(), 8000U) << "some of it waits in line";
  one_batch(sender, 7, at(30s), 2100ms);
  EXPECT_EQ(sender.batch_bytes_max(), 4000U);
}

TEST(LaneSender, MeasuresTheDelayAnew_SoThatAStandingQueueIsNotTakenForIt) {
  LaneSender sender = make();
  start(sender, 0);
  for (std::uint64_t i = 1; i <= 3; ++i) one_batch(sender, i, at(1s * i), 100ms);
  EXPECT_EQ(sender.batch_bytes_max(), 4000U);
  one_batch(sender, 4, at(1s * 400), 700ms);
  EXPECT_LE(sender.batch_bytes_max(), 1000U) << "the queue drains";
  one_batch(sender, 5, at(1s * 401), 150ms);
  one_batch(sender, 6, at(1s * 402), 1000ms);
  EXPECT_LE(sender.batch_bytes_max(), 1000U) << "850 ms of it was waiting";
}

}  // namespace
}  // namespace lineside::gateway
