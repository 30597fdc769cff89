#include "gateway/sparkplug/incoming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>
#include <string>
#include <vector>

namespace lineside::gateway {
namespace {

using testing::ElementsAre;

std::vector<std::string> drained(Incoming& incoming) {
  std::vector<std::string> all;
  incoming.drain([&](std::size_t source, bool up) { all.push_back(std::format("{}{}", up ? '+' : '-', source)); },
                 [&](const Sample& sample) { all.push_back(std::format("{}", sample.value)); });
  return all;
}

TEST(Incoming, GivesAllInTheOrderInWhichItCame) {
  Incoming incoming(10);
  for (int round = 0; round < 2; ++round) {
    incoming.put(0, true);
    incoming.put({.value = 1});
    incoming.put({.value = 2});
    incoming.put(0, false);
    incoming.put({.value = 3});
    EXPECT_THAT(drained(incoming), ElementsAre("+0", "1", "2", "-0", "3"));
    EXPECT_TRUE(incoming.empty());
  }
  EXPECT_EQ(incoming.take_dropped(), 0U);
}

TEST(Incoming, LosesTheOldestReadings_AndNoChange_WhenFull) {
  Incoming incoming(3);
  incoming.put({.value = 1});
  incoming.put(0, false);
  incoming.put({.value = 2});
  incoming.put(0, true);
  for (const double value : {3.0, 4.0, 5.0}) incoming.put({.value = value});
  EXPECT_EQ(incoming.samples(), 3U);
  EXPECT_EQ(incoming.take_dropped(), 2U);
  EXPECT_EQ(incoming.take_dropped(), 0U);
  EXPECT_THAT(drained(incoming), ElementsAre("-0", "+0", "3", "4", "5"));
}

TEST(Incoming, KeepsTheLastWordOfEverySource_HoweverOftenItChanges) {
  Incoming incoming(3);
  incoming.put(7, false);
  for (int i = 0; i < 10'000; ++i) incoming.put(static_cast<std::size_t>(i % 3), i % 2 == 0);
  EXPECT_LE(incoming.changes(), 256U);
  const auto all = drained(incoming);
  EXPECT_EQ(all.front(), "-7");
  EXPECT_THAT(std::vector(all.end() - 3, all.end()), ElementsAre("-1", "+2", "-0"));
}

}  // namespace
}  // namespace lineside::gateway
