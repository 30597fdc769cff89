#include "gateway/inspection/item_board.h"

#include <gtest/gtest.h>

#include <random>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

MonoTime at(std::int64_t ms) { return MonoTime{std::chrono::milliseconds{ms}}; }

ItemTicket ticket(std::uint64_t number, std::int64_t trigger_ms, std::int64_t deadline_ms = 50,
                  std::int64_t frame_ms = 20) {
  return {number, at(trigger_ms), at(trigger_ms + deadline_ms), at(trigger_ms + frame_ms), WallTime{}};
}

TEST(ItemBoard, ClosesAnItemOnce_WhenAnswerAndDeadlineMeet) {
  ItemBoard board(4, 1, 1);
  ASSERT_TRUE(board.open(ticket(1, 1000)));
  ItemTicket claimed;
  ASSERT_TRUE(board.claim(0, at(1001), 0ns, claimed));
  EXPECT_EQ(claimed.number, 1U);
  EXPECT_EQ(board.vote(1, Vote::pass).closing, Closing::pass);
  int owed = 0;
  board.expire(at(2000), [&](const ItemTicket&, const Closed&) { ++owed; });
  EXPECT_EQ(owed, 0);
  EXPECT_EQ(board.vote(1, Vote::reject).closing, Closing::gone);
}

TEST(ItemBoard, OwesTheFailSafeVerdict_WhenTheDeadlineComesFirst) {
  ItemBoard board(4, 1, 1);
  ASSERT_TRUE(board.open(ticket(7, 1000)));
  ASSERT_TRUE(board.claim_item(0, 7));
  EXPECT_EQ(board.expire(at(1049), [](const ItemTicket&, const Closed&) { FAIL(); }), at(1050));
  std::vector<std::pair<std::uint64_t, Reason>> owed;
  board.expire(at(1050), [&](const ItemTicket& item, const Closed& closed) {
    owed.emplace_back(item.number, closed.reason);
    EXPECT_EQ(closed.closing, Closing::fail_safe);
  });
  EXPECT_EQ(owed, (std::vector<std::pair<std::uint64_t, Reason>>{{7, Reason::fail_late}}));
  EXPECT_EQ(board.vote(7, Vote::pass).closing, Closing::gone);
}

TEST(ItemBoard, SaysNoFrame_WhenNoneCameInItsTime) {
  ItemBoard board(4, 1, 1);
  ASSERT_TRUE(board.open(ticket(7, 1000)));
  Reason reason = Reason::score;
  board.expire(at(1020), [&](const ItemTicket&, const Closed& closed) { reason = closed.reason; });
  EXPECT_EQ(reason, Reason::fail_no_frame);
  ItemTicket claimed;
  EXPECT_FALSE(board.claim(0, at(1010), 0ns, claimed));
}

TEST(ItemBoard, GivesAFrameToTheOldestItemWhoseTriggerItFollows) {
  ItemBoard board(8, 1, 1);
  ASSERT_TRUE(board.open(ticket(1, 1000)));
  ASSERT_TRUE(board.open(ticket(2, 1010)));
  ItemTicket claimed;
  EXPECT_FALSE(board.claim(0, at(999), 0ns, claimed)) << "taken before both triggers";
  EXPECT_TRUE(board.claim(0, at(999), 1ms, claimed)) << "unless the cameras run free";
  EXPECT_EQ(claimed.number, 1U);
  EXPECT_TRUE(board.claim(0, at(1012), 0ns, claimed));
  EXPECT_EQ(claimed.number, 2U);
  EXPECT_FALSE(board.claim(0, at(1013), 0ns, claimed)) << "each item takes one frame of a camera";
}

TEST(ItemBoard, DoesNotGiveAFrameToAnItemThatWaitedTooLong) {
  ItemBoard board(8, 1, 1);
  ASSERT_TRUE(board.open(ticket(1, 1000)));
  ItemTicket claimed;
  EXPECT_FALSE(board.claim(0, at(1021), 0ns, claimed));
}

TEST(ItemBoard, RefusesAnItem_WhenThePlaceIsStillHeld) {
  ItemBoard board(2, 1, 1);
  EXPECT_TRUE(board.open(ticket(1, 1000)));
  EXPECT_TRUE(board.open(ticket(2, 1001)));
  EXPECT_FALSE(board.open(ticket(3, 1002)));
  EXPECT_TRUE(board.is_open(1));
  board.vote(1, Vote::pass);
  EXPECT_TRUE(board.open(ticket(5, 1003)));
  EXPECT_EQ(board.vote(1, Vote::reject).closing, Closing::gone) << "a late answer must not reach the new item";
  EXPECT_TRUE(board.is_open(5));
}

struct VoteCase {
  int cameras, needed;
  std::vector<Vote> votes;
  Closing closing;
  std::size_t decided_after;
};

TEST(ItemBoard, DecidesAVoteAsSoonAsTheRestCannotChangeIt) {
  using enum Vote;
  const std::vector<VoteCase> cases{{3, 2, {reject, reject}, Closing::reject, 2},
                                    {3, 2, {pass, pass}, Closing::pass, 2},
                                    {3, 2, {reject, pass, reject}, Closing::reject, 3},
                                    {3, 1, {reject}, Closing::reject, 1},
                                    {3, 3, {reject, pass}, Closing::pass, 2},
                                    {3, 2, {failed, reject, pass}, Closing::fail_safe, 3},
                                    {3, 2, {failed, failed, reject}, Closing::fail_safe, 3},
                                    {2, 1, {failed, reject}, Closing::reject, 2},
                                    {2, 1, {pass, failed}, Closing::fail_safe, 2},
                                    {8, 5, {reject, reject, reject, reject, reject}, Closing::reject, 5}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const VoteCase& one = cases[i];
    ItemBoard board(2, one.cameras, one.needed);
    ASSERT_TRUE(board.open(ticket(1, 1000)));
    for (std::size_t v = 0; v < one.votes.size(); ++v) {
      ASSERT_TRUE(board.claim_item(static_cast<int>(v), 1));
      const Closed closed = board.vote(1, one.votes[v], Reason::fail_camera);
      EXPECT_EQ(closed.closing, v + 1 == one.decided_after ? one.closing : Closing::open)
          << "case " << i << " vote " << v;
      if (closed.closing == Closing::fail_safe) {
        EXPECT_EQ(closed.reason, Reason::fail_camera);
      } else if (closed.closing != Closing::open) {
        EXPECT_EQ(closed.reason, Reason::vote);
      }
    }
  }
}

// The property: whatever the order in which cameras, watchdogs and triggers meet, each item gets exactly one verdict.
//
// Checked twice: by threads that race, and by an interleaver on one thread that runs other calls in the middle of a
// call, at its swap, as a scheduler could; seeded, so that what it finds it always finds.
struct Interleaver {
  std::mt19937 random;
  std::vector<std::function<void()>> calls;

  void run_next() {
    const auto call = std::move(calls.back());
    calls.pop_back();
    call();
  }
  void maybe_another() {
    while (!calls.empty() && random() % 2 == 0) run_next();
  }
};
thread_local Interleaver* interleaver = nullptr;

struct SwapInterleaved : SwapOnce {
  static bool swap(std::atomic<std::uint64_t>& word, std::uint64_t& expected, std::uint64_t desired) {
    if (interleaver != nullptr) interleaver->maybe_another();
    return SwapOnce::swap(word, expected, desired);
  }
};

// Planted bug: compares, then writes, as if that were one step.
struct SwapInTwoSteps : SwapOnce {
  static bool swap(std::atomic<std::uint64_t>& word, std::uint64_t& expected, std::uint64_t desired) {
    const std::uint64_t now = word.load();
    if (now != expected) {
      expected = now;
      return false;
    }
    if (interleaver != nullptr) interleaver->maybe_another();
    word.store(desired);
    return true;
  }
};

// Planted bug: forgets the deadline of some items.
struct WatchdogThatNods : SwapInterleaved {
  static bool is_due(const ItemTicket& item, MonoTime now) { return item.number % 4 != 3 && item.deadline <= now; }
};

// One made-up history of 8 items and up to 3 cameras, of which some never answer. Returns how many items did not get
// exactly one verdict.
template <class Policy>
int wrong_items(unsigned seed) {
  constexpr int kItems = 8;
  Interleaver schedule{std::mt19937(seed), {}};
  const int cameras = 1 + static_cast<int>(schedule.random() % 3);
  BasicItemBoard<Policy> board(4, cameras, 1 + static_cast<int>(schedule.random() % static_cast<unsigned>(cameras)));
  std::array<int, kItems> verdicts{};
  const auto owe = [&](const ItemTicket& item, const Closed&) { ++verdicts[item.number]; };
  for (std::uint64_t number = 0; number < kItems; ++number) {
    const auto now = static_cast<std::int64_t>(number) * 10 + 1000;
    if (!board.open(ticket(number, now, 15, 8))) ++verdicts[number];
    for (int camera = 0; camera < cameras; ++camera)
      if (schedule.random() % 4 != 0)
        schedule.calls.emplace_back(
            [&, camera, number, vote = static_cast<Vote>(schedule.random() % 3), hangs = schedule.random() % 4 == 0] {
              if (!board.claim_item(camera, number) || hangs) return;
              const Closing closing = board.vote(number, vote).closing;
              if (closing != Closing::open && closing != Closing::gone) ++verdicts[number];
            });
    for (int watchdog = 0; watchdog < 2; ++watchdog)
      schedule.calls.emplace_back(
          [&, when = at(now + static_cast<std::int64_t>(schedule.random() % 20))] { board.expire(when, owe); });
    std::ranges::shuffle(schedule.calls, schedule.random);
    interleaver = &schedule;
    while (schedule.calls.size() > 3) schedule.run_next();  // the rest meets the next item
    interleaver = nullptr;
  }
  interleaver = &schedule;
  while (!schedule.calls.empty()) schedule.run_next();
  interleaver = nullptr;
  board.expire(MonoTime::max(), owe);
  return static_cast<int>(std::ranges::count_if(verdicts, [](int count) { return count != 1; }));
}

template <class Policy>
int wrong_histories(unsigned histories) {
  int wrong = 0;
  for (unsigned seed = 0; seed < histories; ++seed) wrong += wrong_items<Policy>(seed) > 0 ? 1 : 0;
  return wrong;
}

TEST(ItemBoardHistories, EachItemGetsExactlyOneVerdict) { EXPECT_EQ(wrong_histories<SwapInterleaved>(20'000), 0); }

TEST(ItemBoardHistories, SeeADoubleVerdict_WhenTheSwapIsPlantedBroken) {
  EXPECT_GT(wrong_histories<SwapInTwoSteps>(1'000), 0);
}

TEST(ItemBoardHistories, SeeAMissingVerdict_WhenTheWatchdogIsPlantedBroken) {
  EXPECT_GT(wrong_histories<WatchdogThatNods>(1'000), 0);
}

// One item after another, each answered by `cameras` threads and expired by two watchdogs at the same moment; as many
// as this machine manages in a fifth of a second.
std::uint64_t wrong_items_in_a_race(int cameras, int votes_needed) {
  constexpr std::uint64_t kItemsMax = 100'000;
  constexpr std::size_t kPlaces = 4;
  ItemBoard board(kPlaces, cameras, votes_needed);
  std::vector<std::atomic<int>> verdicts(kItemsMax);
  std::atomic<std::int64_t> newest{0};
  std::atomic<bool> done{false};
  const auto owe = [&](const ItemTicket& item, const Closed&) { verdicts[item.number].fetch_add(1); };
  std::vector<std::jthread> threads;
  for (int camera = 0; camera < cameras; ++camera)
    threads.emplace_back([&, camera] {
      std::mt19937 random(static_cast<unsigned>(camera) + 1);
      while (!done.load()) {
        ItemTicket mine;
        if (!board.claim(camera, at(newest.load()), 0ns, mine)) {
          std::this_thread::yield();
          continue;
        }
        if (random() % 8 == 0) continue;  // this model hangs: the deadline must end the item
        const Closing closing = board.vote(mine.number, static_cast<Vote>(random() % 3)).closing;
        if (closing != Closing::open && closing != Closing::gone) verdicts[mine.number].fetch_add(1);
      }
    });
  for (int watchdog = 0; watchdog < 2; ++watchdog)
    threads.emplace_back([&] {
      while (!done.load()) {
        board.expire(at(newest.load()), owe);
        std::this_thread::yield();
      }
    });
  std::uint64_t number = 0;
  const auto until = std::chrono::steady_clock::now() + 200ms;
  for (; number < kItemsMax && std::chrono::steady_clock::now() < until; ++number) {
    if (number >= kPlaces && board.is_open(number - kPlaces)) std::this_thread::yield();
    newest.store(static_cast<std::int64_t>(number) + 1);
    if (!board.open(ticket(number, static_cast<std::int64_t>(number), 2, 2))) verdicts[number].fetch_add(1);
  }
  done.store(true);
  threads.clear();
  board.expire(MonoTime::max(), owe);
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < number; ++i) wrong += verdicts[i].load() == 1 ? 0 : 1;
  return wrong;
}

TEST(ItemBoard, GivesEachItemExactlyOneVerdict_WhateverRaces) {
  EXPECT_EQ(wrong_items_in_a_race(1, 1), 0U);
  EXPECT_EQ(wrong_items_in_a_race(3, 2), 0U);
}

}  // namespace
}  // namespace lineside::gateway
