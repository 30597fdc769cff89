#include "gateway/rules/reading_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

Sample reading(std::size_t tag, int second, double value = 0) {
  return {.tag = tag,
          .received = WallTime{1'700'000'000s + std::chrono::seconds{second}},
          .value = value,
          .quality = Quality::good};
}

std::vector<Sample> all_of(ReadingQueue& queue) {
  std::vector<Sample> into;
  queue.pop(into, 1000, 0s);
  return into;
}

TEST(ReadingQueue, HandsOverWhatRulesRead_InOrderAndOfOneMoment) {
  ReadingQueue queue(10, {true, false, true});
  const Sample poll[] = {reading(0, 1), reading(1, 2), reading(2, 3), reading(99, 4)};
  queue.push(poll);
  const auto got = all_of(queue);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].tag, 0U);
  EXPECT_EQ(got[1].tag, 2U);
  EXPECT_EQ(got[1].received, got[0].received);
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(ReadingQueue, NeverDropsTheNewestOfATag) {
  ReadingQueue queue(4, {true, true, true});
  const auto push = [&](const Sample& one) { queue.push({&one, 1}); };
  push(reading(1, 0, 7));
  push({.tag = 2, .received = reading(2, 1).received});  // bad
  for (int i = 0; i < 1000; ++i) push(reading(0, 2 + i, i));
  const auto got = all_of(queue);
  ASSERT_EQ(got.size(), 7U);
  EXPECT_EQ(got[0].value, 7);
  EXPECT_EQ(got[1].quality, Quality::bad);
  for (std::size_t i = 2; i < 7; ++i) EXPECT_EQ(got[i].value, 995 + static_cast<double>(i) - 2);
  EXPECT_EQ(queue.dropped(), 995U);
  EXPECT_TRUE(all_of(queue).empty());
  push(reading(1, 5000, 8));
  EXPECT_EQ(all_of(queue).size(), 1U);
}

TEST(ReadingQueue, GivesWhatWaitsAfterItWasClosed) {
  ReadingQueue queue(4, {true});
  const Sample one = reading(0, 1);
  queue.push({&one, 1});
  queue.close();
  queue.push({&one, 1});
  EXPECT_FALSE(queue.done());
  EXPECT_EQ(all_of(queue).size(), 1U);
  EXPECT_TRUE(queue.done());
}

TEST(ReadingQueue, WakesWhoWaits) {
  ReadingQueue queue(4, {true});
  std::vector<Sample> into;
  std::jthread waits([&] { queue.pop(into, 10, 60s); });
  const Sample one = reading(0, 1);
  queue.push({&one, 1});
  waits.join();
  EXPECT_EQ(into.size(), 1U);
}

}  // namespace
}  // namespace lineside::gateway
