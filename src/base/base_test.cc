// Result, ids, clock, queue, log and stop signals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <numeric>
#include <set>
#include <thread>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/result.h"
#include "base/signals.h"
#include "base/uuid.h"

namespace lineside {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::MatchesRegex;

Result<int> half(int value) {
  if (value % 2 != 0) return fail(ErrorCode::usage, "odd");
  return value / 2;
}

Result<int> quarter(int value) {
  LINESIDE_TRY(half(value));
  LINESIDE_ASSIGN(const int h, half(value));
  return half(h);
}

TEST(Result, MacrosGiveTheValueOrReturnTheError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_EQ(to_string(quarter(3).error()), "usage: odd");
}

TEST(ErrorCodes, AreUniqueAndHaveAdvice) {
  std::set<std::string_view> names;
#define LINESIDE_ERROR(name, code, exit, meaning, action)               \
  EXPECT_TRUE(names.insert(code_name(ErrorCode::name)).second) << code; \
  EXPECT_GT(exit_code(ErrorCode::name), 0) << code;                     \
  EXPECT_LT(exit_code(ErrorCode::name), 256) << code;                   \
  EXPECT_TRUE(code_meaning(ErrorCode::name).ends_with(".")) << code;    \
  EXPECT_TRUE(code_action(ErrorCode::name).ends_with(".")) << code;
#include "base/errors.def"
#undef LINESIDE_ERROR
  EXPECT_GT(names.size(), 20u);
}

TEST(Uuid, IsVersion7AndSortsByAge) {
  std::string last;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = make_uuid();
    ASSERT_LT(last, id);
    last = id;
  }
  EXPECT_THAT(last, MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

TEST(Uuid, HoldsTheClocksTime_AndStaysMonotonicOverASmallStepBack) {
  ManualClock clock(WallTime{std::chrono::milliseconds{0x018C12345678}});
  const std::string first = make_uuid(clock);
  EXPECT_EQ(first.substr(0, 13), "018c1234-5678");
  clock.advance(-500ms);
  EXPECT_LT(first, make_uuid(clock));
}

TEST(Clock, WritesRfc3339) {
  EXPECT_EQ(to_rfc3339(WallTime{1'700'000'000'123'999'999ns}), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(to_rfc3339(WallTime{0ns}), "1970-01-01T00:00:00.000Z");
}

TEST(ManualClock, WakesSleepers_OnlyWhenAdvancedFarEnough) {
  ManualClock clock;
  std::atomic<bool> awake{false};
  const MonoTime until = clock.mono() + 10s;
  std::jthread sleeper([&] {
    clock.sleep_until(until);
    awake = true;
  });
  clock.advance(9s);
  std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(awake);
  clock.advance(1s);
  sleeper.join();
  EXPECT_TRUE(awake);
  EXPECT_EQ(clock.mono(), until);
}

TEST(BoundedQueue, FollowsItsPolicyAndCountsDrops) {
  BoundedQueue<int> rejecting("r", 2, WhenFull::reject_new);
  EXPECT_TRUE(rejecting.push(1) && rejecting.push(2));
  EXPECT_FALSE(rejecting.push(3));
  EXPECT_EQ(rejecting.dropped(), 1u);
  EXPECT_EQ(rejecting.pop(0ms), 1);

  BoundedQueue<int> dropping("d", 2, WhenFull::drop_oldest);
  EXPECT_TRUE(dropping.push(1) && dropping.push(2) && dropping.push(3));
  EXPECT_EQ(dropping.dropped(), 1u);
  EXPECT_EQ(dropping.pop(0ms), 2);
  EXPECT_EQ(dropping.pop(0ms), 3);
  EXPECT_EQ(dropping.pop(1ms), std::nullopt);

  BoundedQueue<int> waiting("w", 1, WhenFull::wait);
  EXPECT_TRUE(waiting.push(1));
  EXPECT_FALSE(waiting.push(2, 1ms));
  EXPECT_EQ(waiting.dropped(), 1u);
}

TEST(BoundedQueue, DrainsAfterClose) {
  BoundedQueue<int> queue("q", 4, WhenFull::wait);
  EXPECT_TRUE(queue.push(1));
  queue.close();
  EXPECT_FALSE(queue.push(2));
  EXPECT_EQ(queue.pop(1s), 1);
  EXPECT_EQ(queue.pop(1s), std::nullopt);
}

TEST(BoundedQueue, TakesAndGivesSeveralAtOnce_InTheirOrder) {
  BoundedQueue<int> queue("d", 4, WhenFull::drop_oldest);
  EXPECT_EQ(queue.push_all(std::vector{1, 2, 3, 4, 5, 6}), 6U);
  EXPECT_EQ(queue.dropped(), 2U);
  std::vector<int> taken{0};
  EXPECT_EQ(queue.pop_some(taken, 3, 0ms), 3U);
  EXPECT_EQ(taken, (std::vector{0, 3, 4, 5})) << "added to what was there";
  EXPECT_FALSE(queue.done());
  queue.close();
  EXPECT_FALSE(queue.done());
  EXPECT_EQ(queue.push_all(std::vector{7, 8}), 0U);
  EXPECT_EQ(queue.pop_some(taken, 3, 0ms), 1U);
  EXPECT_TRUE(queue.done());
  EXPECT_EQ(queue.pop_some(taken, 3, 10s), 0U) << "at once: nothing more can come";

  BoundedQueue<int> rejecting("r", 2, WhenFull::reject_new);
  EXPECT_EQ(rejecting.push_all(std::vector{1, 2, 3}), 2U);
  EXPECT_EQ(rejecting.dropped(), 1U);
}

TEST(BoundedQueue, WakesWhoeverMakesRoom_WhileItPushesMoreThanItHolds) {
  BoundedQueue<int> queue("w", 3, WhenFull::wait);
  std::vector<int> all(1000), taken;
  std::iota(all.begin(), all.end(), 0);
  std::jthread consumer([&] {
    while (queue.pop_some(taken, 2, 10s) > 0) continue;
  });
  EXPECT_EQ(queue.push_all(all, 10s), all.size());
  queue.close();
  consumer.join();
  EXPECT_EQ(taken, all);
}

TEST(BoundedQueue, LosesNothing_BetweenManyThreads) {
  BoundedQueue<int> queue("q", 8, WhenFull::wait);
  std::atomic<std::int64_t> sum{0};
  {
    std::vector<std::jthread> consumers, producers;
    for (int t = 0; t < 2; ++t)
      consumers.emplace_back([&] {
        while (auto value = queue.pop(10s)) sum += *value;
      });
    for (int t = 0; t < 2; ++t)
      producers.emplace_back([&] {
        for (int i = 1; i <= 5000; ++i) EXPECT_TRUE(queue.push(i, 10s));
      });
    producers.clear();
    queue.close();
  }
  EXPECT_EQ(sum, 2 * 5000LL * 5001 / 2);
}

std::string logged(const std::function<void()>& work) {
  testing::internal::CaptureStderr();
  work();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, WritesOneLineWithFields) {
  const std::string line = logged([] {
    log(LogLevel::warning, "camera", "no frame\nfor long",
        {{"name", "cap cam"}, {"url", "a\"b"}, {"ms", 20}, {"share", 0.5}, {"up", false}, {"empty", ""}});
  });
  EXPECT_THAT(line, MatchesRegex("[0-9T:.-]+Z warning camera no frame\\\\nfor long name=\"cap cam\" url=\"a\\\\\"b\" "
                                 "ms=20 share=0.5 up=false empty=\"\"\n"));
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  set_log_level(LogLevel::error);
  EXPECT_EQ(logged([] { log(LogLevel::warning, "x", "y"); }), "");
  set_log_level(LogLevel::info);
  EXPECT_EQ(logged([] { log(LogLevel::debug, "x", "y"); }), "");
  EXPECT_NE(logged([] { log(LogLevel::info, "x", "y"); }), "");
}

TEST(LogLimiter, LetsOneThrough_AndSaysHowManyItKept) {
  LogLimiter limiter(1s);
  EXPECT_THAT(logged([&] {
                for (int i = 0; i < 5; ++i) limiter.log(LogLevel::info, "x", "again");
              }),
              MatchesRegex("[^\n]*again\n"));
  std::this_thread::sleep_for(1010ms);
  EXPECT_THAT(logged([&] { limiter.log(LogLevel::info, "x", "again"); }), HasSubstr("again suppressed=4\n"));
}

TEST(Nearest, FindsWhatWasMeant_AndNothingWhenNothingIsClose) {
  const std::vector<std::string> keys{"deadline_ms", "delay_ms", "doubt_band", "bundle"};
  EXPECT_EQ(nearest("deadlin_ms", keys), "deadline_ms");
  EXPECT_EQ(nearest("bunlde", keys), "bundle");
  EXPECT_EQ(nearest("Delay_MS", keys), "delay_ms");
  EXPECT_EQ(nearest("deadline", keys), "deadline_ms");
  EXPECT_EQ(nearest("colour", keys), "");
  EXPECT_EQ(nearest("x", keys), "");
}

// In a process of its own, because a stop can't be taken back.
TEST(SignalsDeathTest, StopsOnSigterm_AndWakesEveryWaiter) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        catch_stop_signals();
        if (wait_for_stop(1ms) || stop_requested()) std::exit(1);
        std::atomic<int> woken{0};
        {
          std::vector<std::jthread> waiters;
          for (int t = 0; t < 3; ++t) waiters.emplace_back([&] { woken += wait_for_stop(20s) ? 1 : 0; });
          std::raise(SIGTERM);
        }
        std::exit(woken == 3 && stop_requested() ? 0 : 2);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace lineside
