#include "gateway/sparkplug/rebirth_pace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

TEST(RebirthPace, IsAtOnceTheFirstTime_AndSlowerForAHostThatKeepsAsking) {
  RebirthPace pace;
  MonoTime now{1h};
  EXPECT_FALSE(pace.born(now)) << "nobody asked";
  now += 1min;
  pace.ask();
  EXPECT_LE(pace.due(), now);
  std::vector<std::int64_t> pauses;
  MonoTime last = now;
  for (int i = 0; i < 10; ++i) {
    pace.ask();
    now = std::max(now, pace.due());
    EXPECT_TRUE(pace.born(now));
    if (i > 0) pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now - last).count());
    last = now;
  }
  EXPECT_THAT(pauses, testing::ElementsAre(500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000, 30'000));
  now += 2min;
  pace.ask();
  EXPECT_TRUE(pace.born(now));
  EXPECT_EQ(pace.due(), now + 500ms) << "after a long peace as in the beginning";
}

// operational-behavior-data-commands-rebirth-action-1
TEST(RebirthPace, HoldsDataBackOnlyShortlyBeforeBirths) {
  RebirthPace pace;
  MonoTime now{1h};
  pace.born(now);
  EXPECT_FALSE(pace.holds_data(now));
  pace.ask();
  EXPECT_TRUE(pace.holds_data(now));
  for (int i = 0; i < 5; ++i) {
    pace.ask();
    now = pace.due();
    pace.born(now);
  }
  pace.ask();
  EXPECT_FALSE(pace.holds_data(now)) << "a host that asks all the time does not silence the edge node";
  EXPECT_TRUE(pace.holds_data(pace.due() - 500ms));
}

TEST(RebirthPace, WaitsForWhatIsNotOutYet) {
  RebirthPace pace;
  const MonoTime now{1h};
  pace.ask();
  pace.delay(now);
  EXPECT_GT(pace.due(), now);
  EXPECT_TRUE(pace.wanted());
}

}  // namespace
}  // namespace lineside::gateway
