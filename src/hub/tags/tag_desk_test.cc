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
  const int many = static_cast<int>(TagDesk::kTenantStreamsMax) + 20;
  deliver_streams("many", many);
  deliver_streams("few", 3);
  auto ask = queries();
  TagDesk desk(clock_);
  EXPECT_EQ(desk.newest(ask, "few", "g1").value().tags.size(), 3U);
  for (int round = 0; round < 2; ++round) {
    const auto list = desk.newest(ask, "many", "g1").value();
    EXPECT_EQ(list.tags.size(), static_cast<std::size_t>(many));
    EXPECT_TRUE(list.complete);
    EXPECT_EQ(desk.streams("many"), TagDesk::kTenantStreamsMax);
    EXPECT_EQ(desk.streams("few"), 3U);
  }
  for (const char* tenant : {"third", "fourth"}) {
    deliver_streams(tenant, many);
    EXPECT_TRUE(desk.newest(ask, tenant, "g1").value().complete);
  }
  EXPECT_LE(desk.streams("many") + desk.streams("third") + desk.streams("fourth") + desk.streams("few"),
            TagDesk::kStreamsMax);
  EXPECT_EQ(desk.streams("few"), 3U) << "who has the most gives";
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
