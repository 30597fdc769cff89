#include "rules/due_times.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <vector>

namespace lineside::rules {
namespace {

TEST(DueTimes, GivesTheEarliestAndOfSeveralTheLowest) {
  std::mt19937 random(2);
  DueTimes times(20);
  std::vector<std::optional<WallTime>> all(20);
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t which = random() % all.size();
    all[which] = random() % 4 == 0 ? std::nullopt : std::optional(WallTime{nanoseconds{random() % 30}});
    times.set(which, all[which]);
    std::optional<std::size_t> first;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i] && (!first || *all[i] < *all[*first])) first = i;
    const auto next = times.next();
    ASSERT_EQ(next.has_value(), first.has_value());
    if (!first) continue;
    EXPECT_EQ(next->which, *first);
    EXPECT_EQ(next->due, *all[*first]);
  }
}

}  // namespace
}  // namespace lineside::rules
