#include "hub/tags/tag_desk.h"

#include <gtest/gtest.h>

#include <atomic>
#include <format>
#include <map>
#include <thread>

#include "base/test_folder.h"
#include "hub/store/store.h"
#include "telemetry/tag_stream.h"

namespace lineside::hub {
namespace {

using namespace std::chrono_literals;

constexpr auto kGood = telemetry::Reading::State::good;
const std::string kEpoch = "01890a5d-ac96-774b-bcce-b302099a8057";

class TagDeskTest : public ::testing::Test {
 protected:
  // A block of rows, one a second from `from` on, of a tag named as the stream.
  TagBlock coded(telemetry::StreamEncoder& encoder, const std::string& stream, std::uint64_t generation, WallTime from,
                 std::size_t rows) {
    telemetry::GroupRows group{.times = {}, .readings = {{}}};
    for (std::size_t row = 0; row < rows; ++row) {
      const WallTime time = from + row * 1s;
      group.times.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
      group.readings[0].push_back({.value = static_cast<double>(row), .state = telemetry::Reading::State::good});
    }
    const auto made = encoder.encode({&group, 1}).value();
    TagBlock block{.stream = stream, .generation = generation, .index = made.index, .from = from};
    block.to = from + (rows - 1) * 1s;
    block.check = made.check;
    block.bytes = made.bytes;
    block.plan = made.plan;
    return block;  // and claims that there is nothing in it
  }
  static telemetry::StreamEncoder encoder_of(const std::string& tag) {
    return telemetry::StreamEncoder({{{.name = tag, .bound = 0.5}}});
  }
  void deliver(const std::string& tenant, const std::vector<RecordBody>& bodies) {
    std::uint64_t& sequence = sequences_[tenant];
    IncomingBatch incoming{{tenant, "g1", Lane::bulk, kEpoch, sequence + 1, {}, clock_.wall()}, 100};
    for (const RecordBody& body : bodies) incoming.batch.records.push_back({++sequence, body});
    ASSERT_EQ(store_->commit({&incoming, 1}).value().front().watermark, sequence);
  }
  void deliver_streams(const std::string& tenant, int count) {
    std::vector<RecordBody> bodies;
    for (int i = 0; i < count; ++i) {
      const std::string name = std::format("s{:03}", i);
      auto encoder = encoder_of(name);
      bodies.emplace_back(coded(encoder, name, 1, clock_.wall(), 2));
    }
    deliver(tenant, bodies);
  }
  Queries queries() { return Queries::open(folder_ / "hub.db").value(); }

  TestFolder folder_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  std::unique_ptr<Store> store_ = Store::open(folder_ / "hub.db", clock_, metrics_).value();
  std::map<std::string, std::uint64_t> sequences_;
};

// What a gateway says is in a block counts for nothing.
TEST_F(TagDeskTest, AQuestionTakesNoMoreThanItsWork_AndTheNextOneGoesOn) {
  auto encoder = encoder_of("t");
  std::vector<RecordBody> bodies;
  for (int i = 0; i < 40; ++i) bodies.emplace_back(coded(encoder, "t", 1, clock_.wall() + i * 256s, 256));
  deliver("t1", bodies);
  auto ask = queries();
  TagDesk desk(clock_, 10'000);
  const auto first = desk.newest(ask, "t1", "g1").value();
  EXPECT_FALSE(first.complete);
  EXPECT_LT(first.tags.at(0).newest->time, clock_.wall() + 20 * 256s);
  int more = 0;
  while (!desk.newest(ask, "t1", "g1").value().complete && more < 10) ++more;
  EXPECT_GT(more, 0);
  EXPECT_EQ(desk.newest(ask, "t1", "g1").value().tags.at(0).newest->time, clock_.wall() + (40 * 256 - 1) * 1s);
  const auto history = desk.history(ask, "t1", "g1", "t", WallTime{}, clock_.wall() + 24h, 1000).value();
  ASSERT_TRUE(history.has_value());
  EXPECT_FALSE(history->complete);
  EXPECT_LE(history->points.size(), 1000U);
  EXPECT_TRUE(TagDesk(clock_).history(ask, "t1", "g1", "t", WallTime{}, clock_.wall() + 24h, 1000).value()->complete);
}

TEST_F(TagDeskTest, TimesOfASourceMayRunBack) {
  auto encoder = encoder_of("t");
  const WallTime now = clock_.wall();
  deliver("t1", {coded(encoder, "t", 1, now, 10), coded(encoder, "t", 1, now + 3h, 10),
                 coded(encoder, "t", 1, now + 10s, 10)});
  auto ask = queries();
  TagDesk desk(clock_);
  const auto history = desk.history(ask, "t1", "g1", "t", now, now + 1h, 1000).value();
  ASSERT_TRUE(history.has_value());
  EXPECT_EQ(history->points.size(), 20U);
  EXPECT_TRUE(history->gaps.empty()) << "none of the blocks was lost";
  EXPECT_TRUE(history->complete);
}

TEST_F(TagDeskTest, MoreGenerationsThanOneQuestionTakesAreSaid) {
  std::vector<RecordBody> bodies;
  for (std::uint64_t generation = 1; generation <= 1001; ++generation) {
    auto encoder = encoder_of("t");
    bodies.emplace_back(coded(encoder, "t", generation, clock_.wall() + generation * 1s, 1));
  }
  deliver("t1", bodies);
  auto ask = queries();
  TagDesk desk(clock_);
  const auto all = desk.history(ask, "t1", "g1", "t", WallTime{}, clock_.wall() + 1h, 5000).value();
  EXPECT_EQ(all->points.size(), 1000U);
  EXPECT_FALSE(all->complete);
  EXPECT_TRUE(desk.history(ask, "t1", "g1", "t", clock_.wall() + 2s, clock_.wall() + 1h, 5000).value()->complete);
}

TEST_F(TagDeskTest, ATenantWithManyStreamsTakesNobodysPlace_AndKeepsItsOwn) {
  constexpr std::size_t kKept = TagDesk::kTenantCostMax / (TagDesk::kStreamCost + 1);
  const int many = static_cast<int>(kKept) + 20;
  const TagPage all{.find = {}, .after = {}, .limit = TagDesk::kPageMax};
  deliver_streams("many", many);
  deliver_streams("few", 3);
  auto ask = queries();
  TagDesk desk(clock_);
  EXPECT_EQ(desk.newest(ask, "few", "g1").value().tags.size(), 3U);
  for (int round = 0; round < 2; ++round) {
    const auto list = desk.newest(ask, "many", "g1", all).value();
    EXPECT_EQ(list.tags.size(), static_cast<std::size_t>(many));
    EXPECT_TRUE(list.complete);
    EXPECT_EQ(desk.streams("many"), kKept);
    EXPECT_EQ(desk.streams("few"), 3U);
  }
  for (const char* tenant : {"third", "fourth"}) {
    deliver_streams(tenant, many);
    EXPECT_TRUE(desk.newest(ask, tenant, "g1", all).value().complete);
  }
  EXPECT_LE(desk.streams("many") + desk.streams("third") + desk.streams("fourth") + desk.streams("few"),
            TagDesk::kCostMax / (TagDesk::kStreamCost + 1));
  EXPECT_EQ(desk.streams("few"), 3U) << "who has the most gives";
}

TEST_F(TagDeskTest, APageDecodesItsOwnStreamsOnly_AndAllPagesShowEachTagOnce) {
  deliver_streams("t1", 250);
  auto ask = queries();
  TagDesk desk(clock_);
  std::vector<std::string> seen;
  TagPage page{.find = {}, .after = {}, .limit = 100};
  for (std::size_t kept = 100;; kept += 100) {
    const auto list = desk.newest(ask, "t1", "g1", page).value();
    EXPECT_EQ(list.found, 250U);
    for (const TagNow& tag : list.tags) {
      seen.push_back(tag.tag);
      EXPECT_TRUE(tag.newest) << tag.tag;
    }
    EXPECT_EQ(desk.streams("t1"), std::min<std::size_t>(kept, 250));
    if (!list.more) break;
    page.after = list.tags.back().tag;
  }
  ASSERT_EQ(seen.size(), 250U);
  EXPECT_EQ(seen.front(), "s000");
  EXPECT_EQ(seen.back(), "s249");
  const auto some = desk.newest(ask, "t1", "g1", {.find = "S24", .after = {}, .limit = 3}).value();
  EXPECT_EQ(some.found, 10U);
  EXPECT_EQ(some.tags.size(), 3U);
  EXPECT_TRUE(some.more);
}

TEST_F(TagDeskTest, ListsMoreTagsThanOnePageTakes) {
  std::vector<RecordBody> bodies;
  for (int i = 0; i < 100; ++i) {
    telemetry::StreamTags groups;
    const telemetry::GroupRows row{.times = {0}, .readings = {{{.value = 1, .state = kGood}}}};
    const std::vector<telemetry::GroupRows> rows(64, row);
    for (int t = 0; t < 64; ++t) groups.push_back({{.name = std::format("t{}", i * 64 + t)}});
    telemetry::StreamEncoder encoder(groups);
    const auto made = encoder.encode(rows).value();
    TagBlock block{.stream = std::format("s{}", i), .generation = 1, .from = clock_.wall(), .to = clock_.wall()};
    block.check = made.check, block.bytes = made.bytes, block.plan = made.plan;
    bodies.emplace_back(block);
  }
  deliver("t1", bodies);
  auto ask = queries();
  TagDesk desk(clock_);
  const auto last = desk.newest(ask, "t1", "g1", {.find = {}, .after = "t5999", .limit = 2000}).value();
  EXPECT_EQ(last.found, 6400U);
  ASSERT_EQ(last.tags.size(), 400U);
  EXPECT_EQ(last.tags.front().tag, "t6000");
  EXPECT_EQ(last.tags.back().tag, "t6399");
  EXPECT_TRUE(last.tags.back().newest);
}

// A tag that was moved to another source, or is only summarised from now on, is in the store twice.
TEST_F(TagDeskTest, ATagThatHasMovedIsListedOnce_AsItIsNow) {
  auto before = encoder_of("t"), now = encoder_of("t");
  deliver("t1", {coded(before, "old", 1, clock_.wall() - 1h, 2), coded(now, "new", 2, clock_.wall() - 60s, 3)});
  auto ask = queries();
  TagDesk desk(clock_);
  const auto streamed = desk.newest(ask, "t1", "g1").value();
  ASSERT_EQ(streamed.tags.size(), 1U);
  EXPECT_EQ(streamed.tags[0].newest->time, clock_.wall() - 58s);
  TagSummary summary{.tag = "t", .unit = "m", .from = clock_.wall() - 10s, .to = clock_.wall(), .count = 3};
  deliver("t1", {summary});
  const auto summarized = desk.newest(ask, "t1", "g1").value();
  ASSERT_EQ(summarized.tags.size(), 1U);
  ASSERT_TRUE(summarized.tags[0].summary);
  EXPECT_EQ(summarized.tags[0].unit, "m");
  deliver("t1", {coded(now, "new", 2, clock_.wall() + 1s, 2)});
  EXPECT_FALSE(desk.newest(ask, "t1", "g1").value().tags.at(0).summary) << "it is sent in full again";
}

TEST_F(TagDeskTest, SaysWhichStreamsCantBeKnown) {
  auto encoder = encoder_of("t");
  coded(encoder, "t", 1, clock_.wall(), 2);
  deliver("t1", {coded(encoder, "t", 1, clock_.wall(), 2)});  // the first block never came
  TagBlock odd{.stream = "odd", .generation = 1, .from = clock_.wall(), .to = clock_.wall(), .plan = {1, 2, 3}};
  deliver("t1", {odd});
  auto ask = queries();
  const auto list = TagDesk(clock_).newest(ask, "t1", "g1").value();
  EXPECT_TRUE(list.tags.empty());
  ASSERT_EQ(list.troubles.size(), 2U);
  EXPECT_TRUE(list.troubles[0].starts_with("odd: "));
  EXPECT_TRUE(list.troubles[1].starts_with("t: the first block"));
}

TEST(TagNamesOrder, IsAsPeopleCount) {
  std::vector<std::string> names{"t10", "T2", "t2", "t1", "t", "a/10", "a/9/x", "t02", "t2b", ""};
  std::ranges::sort(names, tag_before);
  EXPECT_EQ(names, (std::vector<std::string>{"", "a/9/x", "a/10", "t", "t1", "T2", "t02", "t2", "t2b", "t10"}));
}

TEST_F(TagDeskTest, ManyMayAskAtOnce) {
  deliver_streams("a", 20);
  deliver_streams("b", 20);
  TagDesk desk(clock_);
  std::vector<std::jthread> askers;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; ++i)
    askers.emplace_back([&, tenant = i % 2 == 0 ? "a" : "b"] {
      auto ask = queries();
      for (int round = 0; round < 10; ++round) {
        wrong += desk.newest(ask, tenant, "g1").value().tags.size() == 20 ? 0 : 1;
        wrong += desk.history(ask, tenant, "g1", "s003", WallTime{}, clock_.wall() + 1h, 10).value() ? 0 : 1;
      }
    });
  askers.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace lineside::hub
