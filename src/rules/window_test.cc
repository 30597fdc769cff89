#include "rules/window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace lineside::rules {
namespace {

using namespace std::chrono_literals;
using Kind = WindowKind;

WallTime at(double seconds) {
  return WallTime{std::chrono::seconds{1'700'000'040} + nanoseconds{static_cast<std::int64_t>(seconds * 1e9)}};
}

TEST(Window, WeighsValuesByHowLongTheyHold) {
  Window window(60s, 0s);
  window.good(at(0), 10);
  window.good(at(45), 50);  // reported on change only
  EXPECT_DOUBLE_EQ(window.value(Kind::mean, at(60)), (45 * 10 + 15 * 50) / 60.0);
  EXPECT_EQ(window.value(Kind::min, at(60)), 10);
  EXPECT_EQ(window.value(Kind::max, at(60)), 50);
  EXPECT_DOUBLE_EQ(window.value(Kind::rate, at(60)), 40 / 60.0);
  EXPECT_EQ(window.value(Kind::count, at(60)), 2);
  EXPECT_EQ(window.value(Kind::mean, at(200)), 50);
  EXPECT_EQ(window.value(Kind::min, at(200)), 50);
  EXPECT_EQ(window.value(Kind::rate, at(200)), 0);
  EXPECT_EQ(window.value(Kind::count, at(200)), 0);
}

TEST(Window, IsNotKnownBeforeHalfOfItIs) {
  Window window(60s, 0s);
  EXPECT_TRUE(std::isnan(window.value(Kind::mean, at(0))));
  window.good(at(0), 10);
  EXPECT_TRUE(std::isnan(window.value(Kind::mean, at(29))));
  EXPECT_EQ(window.value(Kind::mean, at(31)), 10);
  EXPECT_TRUE(std::isnan(window.value(Kind::count, at(59))));
  window.bad(at(60));
  EXPECT_EQ(window.value(Kind::mean, at(80)), 10);
  EXPECT_TRUE(std::isnan(window.value(Kind::mean, at(100))));
}

TEST(Window, HoldsNoLongerThanATagMayBeSilent) {
  Window window(60s, 10s);
  window.good(at(0), 10);
  EXPECT_TRUE(std::isnan(window.value(Kind::mean, at(40))));
  Window patient(60s, 50s);
  patient.good(at(0), 10);
  EXPECT_EQ(patient.value(Kind::mean, at(60)), 10);
}

TEST(Window, TellsWhenItChangesWithoutAReading) {
  Window window(60s, 0s);
  EXPECT_FALSE(window.next_change(at(0)));
  window.good(at(0), 10);
  window.good(at(1.5), 20);
  int changes = 0;
  double last = 0;
  WallTime now = at(1.5);
  while (const auto next = window.next_change(now)) {
    ASSERT_GT(*next, now);
    now = *next;
    last = window.value(Kind::mean, now);
    ASSERT_LE(++changes, Window::kSlices + 2);
  }
  EXPECT_EQ(last, 20);
  EXPECT_EQ(window.value(Kind::mean, at(1000)), 20);
}

TEST(Window, StartsAnewWhenTheClockWasSet) {
  Window window(60s, 0s);
  window.good(at(1000), 10);
  window.good(at(1100), 20);
  window.restart(at(0));
  EXPECT_TRUE(std::isnan(window.value(Kind::mean, at(10))));
  EXPECT_EQ(window.value(Kind::max, at(50)), 20);
  EXPECT_EQ(window.value(Kind::min, at(50)), 20);
}

// The same by looking at every reading.
TEST(Window, AgreesWithAllReadingsOneByOne) {
  struct Reading {
    std::int64_t time;
    double value;
  };
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t length = 1'000'000'000 * (1 + static_cast<std::int64_t>(random() % 500));
    Window window(nanoseconds{length}, 0s);
    std::vector<Reading> readings;
    std::int64_t now = 1'700'000'000'000'000'000;
    for (int i = 0; i < 300; ++i) {
      now += (random() % 20 == 0 ? length : length / 50) / 1000 * static_cast<std::int64_t>(random() % 1000);
      readings.push_back({now, static_cast<double>(random() % 100)});
      window.good(WallTime{nanoseconds{now}}, readings.back().value);
      if (random() % 3 != 0) continue;
      const std::int64_t width = length / Window::kSlices, begin = (now / width - Window::kSlices) * width;
      double sum = 0, known = 0, low = 1e9, high = -1e9, count = 0;
      for (std::size_t r = 0; r < readings.size(); ++r) {
        const std::int64_t from = std::max(readings[r].time, begin);
        const std::int64_t until = r + 1 < readings.size() ? readings[r + 1].time : now;
        count += readings[r].time >= begin;
        if (until <= from && readings[r].time < begin) continue;
        low = std::min(low, readings[r].value), high = std::max(high, readings[r].value);
        if (until <= from) continue;
        sum += readings[r].value * static_cast<double>(until - from), known += static_cast<double>(until - from);
      }
      const WallTime then{nanoseconds{now}};
      if (known >= 0.5 * static_cast<double>(length)) {
        EXPECT_NEAR(window.value(Kind::mean, then), sum / known, 1e-6);
        EXPECT_EQ(window.value(Kind::min, then), low);
        EXPECT_EQ(window.value(Kind::max, then), high);
      } else {
        EXPECT_TRUE(std::isnan(window.value(Kind::mean, then)));
      }
      if (now - readings[0].time >= length) {
        EXPECT_EQ(window.value(Kind::count, then), count);
      }
    }
  }
}

}  // namespace
}  // namespace lineside::rules
