#include "base/fair_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace lineside {
namespace {

using namespace std::chrono_literals;
using Queue = FairQueue<int>;

std::optional<int> taken(Queue& queue) {
  auto turn = queue.pop(0s);
  return turn ? std::optional<int>(turn->value) : std::nullopt;
}

TEST(FairQueue, GivesEachKeyItsTurn_AndKeepsTheOrderOfEach) {
  Queue queue({.waiting = 100, .waiting_each = 100});
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(queue.push("many", i));
  EXPECT_TRUE(queue.push("few", 1000));
  EXPECT_TRUE(queue.push("few", 1001));
  std::vector<int> order;
  for (int i = 0; i < 6; ++i) order.push_back(taken(queue).value());
  EXPECT_EQ(order, (std::vector{0, 1000, 1, 1001, 2, 3}));
}

TEST(FairQueue, LeavesRoomForOthers_WhenOneKeyHasTooMuch) {
  Queue queue({.waiting = 6, .waiting_each = 4});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(queue.push("greedy", i), i < 4);
  EXPECT_TRUE(queue.push("other", 0));
  EXPECT_TRUE(queue.push("third", 0));
  EXPECT_FALSE(queue.push("fourth", 0)) << "it is full";
}

TEST(FairQueue, CountsWhatElementsWeigh) {
  Queue queue({.waiting = 100, .waiting_each = 100, .weight = 100, .weight_each = 50});
  EXPECT_TRUE(queue.push("a", 0, 60)) << "one may be heavier than a key's share";
  EXPECT_FALSE(queue.push("a", 1, 1));
  EXPECT_TRUE(queue.push("b", 0, 40));
  EXPECT_FALSE(queue.push("c", 0, 1));
  EXPECT_EQ(taken(queue), 0);
  EXPECT_TRUE(queue.push("c", 0, 50));
}

TEST(FairQueue, AKeyHasOnlySoManyTurnsAtOnce) {
  Queue queue({.waiting = 100, .waiting_each = 100, .at_once = 1});
  EXPECT_TRUE(queue.push("slow", 1));
  EXPECT_TRUE(queue.push("slow", 2));
  EXPECT_TRUE(queue.push("quick", 3));
  {
    const auto working = queue.pop(0s);
    ASSERT_TRUE(working);
    EXPECT_EQ(working->value, 1);
    EXPECT_EQ(taken(queue), 3) << "the next worker serves somebody else";
    EXPECT_EQ(taken(queue), std::nullopt);
  }
  EXPECT_EQ(taken(queue), 2);
}

TEST(FairQueue, WakesWhoWaits_WhenATurnEndsAndWhenItIsClosed) {
  Queue queue({.waiting = 10, .waiting_each = 10, .at_once = 1});
  EXPECT_TRUE(queue.push("a", 1));
  EXPECT_TRUE(queue.push("a", 2));
  auto first = queue.pop(0s);
  std::optional<int> second, third = 0;
  std::jthread waiting([&] {
    if (auto turn = queue.pop(20s)) second = turn->value;
    third = taken(queue);
    if (const auto turn = queue.pop(20s)) third = turn->value;
  });
  first.reset();
  std::this_thread::sleep_for(20ms);
  queue.close();
  waiting.join();
  EXPECT_EQ(second, 2);
  EXPECT_EQ(third, std::nullopt);
  EXPECT_FALSE(queue.push("a", 3));
}

}  // namespace
}  // namespace lineside
