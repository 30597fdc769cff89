#include "gateway/sparkplug/backlog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lineside::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr MonoTime kNow{1h};

Sample sample(std::size_t tag, double value) { return {.tag = tag, .value = value, .quality = Quality::good}; }

std::vector<double> values(const std::vector<Sample>& samples) {
  std::vector<double> found;
  for (const Sample& one : samples) found.push_back(one.value);
  return found;
}

// Device 0 has the tags 0 and 1, device 1 the tag 2.
class BacklogOfTwo : public testing::Test {
 protected:
  std::vector<double> live(std::size_t device, MonoTime now = kNow) {
    return values(backlog.take_live(device, 100, now));
  }
  std::vector<double> history(std::size_t device, MonoTime now = kNow) {
    return values(backlog.take_history(device, 100, now));
  }
  Backlog backlog{5, 2, 3, 60s};
};

TEST_F(BacklogOfTwo, MakesHistoryOfWhatCameBeforeABirth_ExceptWhatTheBirthTold) {
  for (const double value : {1.0, 2.0, 3.0}) backlog.add(0, sample(0, value));
  backlog.add(0, sample(1, 4));
  backlog.add(1, sample(2, 5));
  backlog.born(0, kNow);
  EXPECT_EQ(backlog.waiting(), 3U);
  backlog.add(0, sample(0, 6));
  EXPECT_THAT(live(0), ElementsAre(6));
  EXPECT_THAT(history(0), ElementsAre(1, 2)) << "3 and 4 were the newest at the birth";
  EXPECT_THAT(history(1), IsEmpty()) << "not born";
  backlog.born(1, kNow);
  EXPECT_EQ(backlog.waiting(), 0U);
  EXPECT_EQ(backlog.lost(), 0U);
}

TEST_F(BacklogOfTwo, LosesTheOldestOfAllDevicesWhenFull) {
  backlog.add(1, sample(2, 1));
  for (const double value : {2.0, 3.0, 4.0, 5.0, 6.0, 7.0}) backlog.add(0, sample(0, value));
  EXPECT_EQ(backlog.lost(), 2U);
  EXPECT_EQ(backlog.waiting(), 5U);
  EXPECT_THAT(live(1), IsEmpty());
  EXPECT_THAT(live(0), ElementsAre(3, 4, 5, 6, 7));
}

TEST_F(BacklogOfTwo, SendsAgainWhatMayNotHaveArrived) {
  backlog.born(0, kNow);
  backlog.add(0, sample(0, 1));
  live(0, kNow);
  backlog.add(0, sample(0, 2));
  live(0, kNow + 30s);
  backlog.add(0, sample(0, 3));
  backlog.add(0, sample(0, 4));
  backlog.session_ended(kNow + 70s);
  EXPECT_EQ(backlog.waiting(), 3U);
  backlog.born(0, kNow + 71s);
  EXPECT_THAT(history(0), ElementsAre(2, 3)) << "1 went out more than a minute before the end; 4 is in the birth";
}

TEST_F(BacklogOfTwo, KeepsWhatWasToldByABirth_UntilItCantHaveBeenLost) {
  backlog.add(0, sample(0, 1));
  backlog.born(0, kNow);
  backlog.add(0, sample(0, 2));
  backlog.session_ended(kNow + 1s);
  backlog.born(0, kNow + 2s);
  EXPECT_THAT(history(0, kNow + 2s), ElementsAre(1));
}

TEST_F(BacklogOfTwo, LosesNothingThatWaitsForWhatWasSentAlready) {
  backlog.born(0, kNow);
  for (const double value : {1.0, 2.0, 3.0, 4.0}) backlog.add(0, sample(0, value));
  live(0);
  for (const double value : {5.0, 6.0, 7.0}) backlog.add(0, sample(0, value));
  backlog.session_ended(kNow);
  EXPECT_EQ(backlog.waiting(), 5U);
  EXPECT_EQ(backlog.lost(), 0U);
  backlog.born(0, kNow);
  EXPECT_THAT(history(0), ElementsAre(3, 4, 5, 6));
}

TEST_F(BacklogOfTwo, GivesNoMoreThanItIsAskedFor) {
  backlog.born(0, kNow);
  for (const double value : {1.0, 2.0, 3.0}) backlog.add(0, sample(0, value));
  EXPECT_THAT(values(backlog.take_live(0, 2, kNow)), ElementsAre(1, 2));
  EXPECT_TRUE(backlog.has_live(0));
  EXPECT_THAT(live(0), ElementsAre(3));
  EXPECT_FALSE(backlog.has_live(0));
}

}  // namespace
}  // namespace lineside::gateway
