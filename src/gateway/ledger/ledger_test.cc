#include "gateway/ledger/ledger.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <set>

#include "base/file.h"
#include "base/test_folder.h"
#include "gateway/ledger/item_numbers.h"
#include "gateway/ledger/ring_files.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

Verdict some_verdict(std::uint64_t item) {
  Verdict verdict;
  verdict.item = item;
  verdict.decision = Decision::reject;
  verdict.reason = Reason::doubt;
  verdict.score = 0.4321F;
  verdict.deadline_met = true;
  verdict.actuated = true;
  verdict.time = WallTime{1'700'000'000'123'456us};
  const MonoTime trigger{10s};
  verdict.stamps = {trigger, trigger + 1ms, trigger + 2ms, trigger + 5500us, trigger + 5600us, trigger + 80ms};
  return verdict;
}

TEST(LedgerLine, ReadsBackWhatItWrote) {
  const LedgerRow row{some_verdict(42), "tilted\tcap", "caps@3"};
  const auto back = from_line(to_line(row));
  ASSERT_TRUE(back.has_value());
  const Verdict& v = back->verdict;
  EXPECT_EQ(v.item, 42U);
  EXPECT_EQ(v.decision, Decision::reject);
  EXPECT_EQ(v.reason, Reason::doubt);
  EXPECT_FLOAT_EQ(v.score, 0.4321F);
  EXPECT_TRUE(v.deadline_met);
  EXPECT_TRUE(v.actuated);
  EXPECT_EQ(v.time, row.verdict.time);
  EXPECT_EQ(v.stamps.inference - v.stamps.trigger, 5500us);
  EXPECT_EQ(v.stamps.actuation - v.stamps.trigger, 80ms);
  EXPECT_EQ(back->label, "tilted cap");
  EXPECT_EQ(back->model, "caps@3");
}

TEST(LedgerLine, RefusesEveryTornLine) {
  const std::string line = to_line({some_verdict(42), "bad", "caps@3"});
  ASSERT_TRUE(from_line(line).has_value());
  const std::size_t last_tab = line.rfind('\t');
  for (std::size_t cut = 0; cut <= last_tab; ++cut) EXPECT_FALSE(from_line(line.substr(0, cut)).has_value()) << cut;
  EXPECT_FALSE(from_line(ledger_header()).has_value());
}

TEST(ItemNumbers, GoOnWithoutAHole_AfterACleanStop) {
  TestFolder folder;
  for (std::uint64_t run = 0; run < 3; ++run) {
    auto numbers = ItemNumbers::open(folder / "n", 0);
    ASSERT_TRUE(numbers.has_value());
    EXPECT_EQ(numbers->next(), run * 2 + 1);
    EXPECT_EQ(numbers->next(), run * 2 + 2);
    ASSERT_TRUE(numbers->close().has_value());
  }
}

TEST(ItemNumbers, AreNeverReused_AfterKill) {
  TestFolder folder;
  std::uint64_t last = 0;
  for (int run = 0; run < 4; ++run) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto numbers = ItemNumbers::open(folder / "n", 0);
      std::uint64_t mine[2] = {numbers->next(), 0};
      for (int i = 0; i < 12'000; ++i) {
        mine[1] = numbers->next();
        if (i % 1000 == 0 && !numbers->reserve_ahead()) _exit(1);
      }
      static_cast<void>(!write(pipe_ends[1], mine, sizeof mine));
      kill(getpid(), SIGKILL);
    }
    std::uint64_t seen[2] = {0, 0};
    ASSERT_EQ(read(pipe_ends[0], seen, sizeof seen), static_cast<ssize_t>(sizeof seen));
    waitpid(child, nullptr, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    EXPECT_GT(seen[0], last);
    EXPECT_LE(seen[0], last + ItemNumbers::kBlock + 1) << "the hole is at most a block";
    last = seen[1];
  }
}

TEST(ItemNumbers, SurviveATornRecord) {
  TestFolder folder;
  {
    auto numbers = ItemNumbers::open(folder / "n", 0);
    ASSERT_TRUE(numbers.has_value());
    for (int i = 0; i < 7'000; ++i) numbers->next();
    ASSERT_TRUE(numbers->reserve_ahead().has_value());
  }
  // The record that was written last is torn: the other one holds a lower limit, so `at_least` has to help.
  std::string content = *read_text(folder / "n");
  ASSERT_EQ(content.size(), 128U);
  content[64 + 20] = '#';
  ASSERT_TRUE(write_atomically(folder / "n", content).has_value());
  auto numbers = ItemNumbers::open(folder / "n", 7'001);
  ASSERT_TRUE(numbers.has_value());
  EXPECT_GE(numbers->next(), 7'001U);
}

TEST(ItemNumbers, SayIt_WhenTheFileIsGarbage) {
  TestFolder folder;
  ASSERT_TRUE(write_atomically(folder / "n", std::string(128, 'x')).has_value());
  const auto numbers = ItemNumbers::open(folder / "n", 0);
  ASSERT_FALSE(numbers.has_value());
  EXPECT_EQ(numbers.error().code, ErrorCode::file_format);
  EXPECT_TRUE(ItemNumbers::open(folder / "n", 50).has_value()) << "unless the ledger knows the last item";
}

TEST(ItemNumbers, GoOnAndSayOverrun_WhenTheDiskRefuses) {
  TestFolder folder;
  auto numbers = ItemNumbers::open(folder / "n", 0);
  ASSERT_TRUE(numbers.has_value());
  FaultPlan plan(0, EIO, true);
  for (std::uint64_t i = 1; i <= ItemNumbers::kBlock + 5; ++i) ASSERT_EQ(numbers->next(), i);
  EXPECT_FALSE(numbers->reserve_ahead().has_value());
  EXPECT_TRUE(numbers->overrun());
}

TEST(RingFiles, StaysInItsBytes_AndKeepsTheNewest) {
  TestFolder folder;
  auto ring = RingFiles::open(folder.path(), "r", 64 << 10, "#head\n");
  ASSERT_TRUE(ring.has_value());
  for (int i = 0; i < 5'000; ++i) ASSERT_TRUE(ring->append(std::format("line {:08} {}\n", i, std::string(40, '.'))));
  std::uintmax_t bytes = 0;
  for (const auto& file : fs::directory_iterator(folder.path())) bytes += file.file_size();
  EXPECT_LE(bytes, 64U << 10);
  EXPECT_GE(bytes, 48U << 10);
  const auto lines = RingFiles::tail(folder.path(), "r", 300);
  ASSERT_EQ(lines.size(), 300U) << "over more than one file";
  EXPECT_TRUE(lines.front().starts_with("line 00004700"));
  EXPECT_TRUE(lines.back().starts_with("line 00004999"));
}

TEST(RingFiles, WritesAgain_WhatSomebodyDeletedWhileItIsInUse) {
  TestFolder folder;
  auto ring = RingFiles::open(folder / "l", "ledger", 1 << 20, "# header\n").value();
  ASSERT_TRUE(ring.append("one\ntwo\n"));
  EXPECT_FALSE(ring.mend().value());
  fs::remove_all(folder / "l");
  EXPECT_TRUE(ring.mend().value());
  EXPECT_FALSE(ring.mend().value());
  ASSERT_TRUE(ring.append("three\n"));
  EXPECT_EQ(RingFiles::tail(folder / "l", "ledger", 10), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(ring.bytes(), std::string("# header\none\ntwo\nthree\n").size());
}

TEST(ItemNumbers, AreNeverReused_WhenTheirFileIsDeletedInUse) {
  TestFolder folder;
  fs::create_directories(folder / "s");
  std::uint64_t last = 0;
  {
    auto numbers = ItemNumbers::open(folder / "s/n", 0).value();
    for (int i = 0; i < 100; ++i) last = numbers.next();
    EXPECT_FALSE(numbers.mend().value());
    fs::remove_all(folder / "s");
    EXPECT_TRUE(numbers.mend().value());
    EXPECT_FALSE(numbers.mend().value());
  }
  EXPECT_GT(ItemNumbers::open(folder / "s/n", 0)->next(), last);
}

TEST(RingFiles, GivesUpTheOldestFile_WhenTheDiskIsFull) {
  TestFolder folder;
  auto ring = RingFiles::open(folder.path(), "r", 64 << 10, "#head\n");
  ASSERT_TRUE(ring.has_value());
  const std::string chunk(4'000, 'x');
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(ring->append(chunk + "\n"));
  const std::uint64_t before = ring->bytes();
  {
    FaultPlan plan(0, ENOSPC);
    EXPECT_TRUE(ring->append("newest\n").has_value());
  }
  EXPECT_LT(ring->bytes(), before);
  EXPECT_EQ(RingFiles::tail(folder.path(), "r", 1), std::vector<std::string>{"newest"});
}

class LedgerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> open() {
    auto ledger = Ledger::open(folder_.path(), {}, {"a", "b"}, metrics_);
    EXPECT_TRUE(ledger.has_value());
    return ledger ? std::move(*ledger) : nullptr;
  }
  TestFolder folder_;
  MetricsRegistry metrics_;
};

TEST_F(LedgerTest, KeepsALineForEachItemOfEachStation_OverARestart) {
  for (int run = 0; run < 2; ++run) {
    auto ledger = open();
    for (int i = 0; i < 10; ++i) {
      ItemLog& a = ledger->station("a");
      a.put(some_verdict(a.next_item()), "bad", "m@1");
    }
    ledger->station("b").put(some_verdict(ledger->station("b").next_item()), "", "");
  }
  auto ledger = open();
  const auto rows = ledger->tail("a", 100);
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ((*rows)[i].verdict.item, i + 1);
  EXPECT_EQ(ledger->tail("b", 100)->size(), 2U);
  EXPECT_EQ(ledger->tail("c", 100).error().code, ErrorCode::not_found);
}

TEST_F(LedgerTest, GivesTheLatestOfAllStations_NewestFirst) {
  auto ledger = open();
  for (int i = 0; i < 5; ++i) {
    Verdict verdict = some_verdict(static_cast<std::uint64_t>(i));
    verdict.time += std::chrono::seconds(i);
    ledger->station(i % 2 == 0 ? "a" : "b").put(verdict, "", "");
  }
  const auto latest = ledger->latest(3);
  ASSERT_EQ(latest.size(), 3U);
  EXPECT_EQ(latest[0].second.verdict.item, 4U);
  EXPECT_EQ(latest[1].first, "b");
}

TEST_F(LedgerTest, SaysThatItsFilesWereDeleted) {
  auto ledger = open();
  ledger->station("a").put(some_verdict(1), "", "");
  for (int i = 0; i < 200 && ledger->tail("a", 5)->empty(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(ledger->trouble(), "");
  fs::remove_all(folder_ / "a");
  for (int i = 0; i < 800 && ledger->trouble().empty(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_NE(ledger->trouble().find("deleted while in use"), std::string::npos) << ledger->trouble();
  EXPECT_EQ(ledger->tail("a", 5)->size(), 1U);
}

TEST_F(LedgerTest, SaysTrouble_AndCountsTheLines_WhenTheDiskRefuses_AndRecovers) {
  auto ledger = open();
  const auto wait_for = [](auto&& condition) {
    for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
    return condition();
  };
  {
    FaultPlan plan(0, EIO, true);
    ledger->station("a").put(some_verdict(1), "", "");
    EXPECT_TRUE(wait_for([&] { return !ledger->trouble().empty(); }));
    EXPECT_EQ(metrics_.counter("lineside_ledger_dropped_total", "", {{"station", "a"}}).value(), 1U);
  }
  ledger->station("a").put(some_verdict(2), "", "");
  EXPECT_TRUE(wait_for([&] { return ledger->trouble().empty() && ledger->tail("a", 10)->size() == 1; }));
  EXPECT_EQ(ledger->tail("a", 10)->front().verdict.item, 2U);
}

}  // namespace
}  // namespace lineside::gateway
