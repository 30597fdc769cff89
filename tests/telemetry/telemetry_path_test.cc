// The whole way of readings but for the network: filter on the gateway, records, batches on the wire, the hub's store,
// and what somebody sees who asks the hub. What arrives is compared with what was read, reading by reading.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "base/sqlite.h"
#include "base/test_folder.h"
#include "gateway/telemetry/tag_filter.h"
#include "hub/store/store.h"
#include "hub/tags/tag_desk.h"

namespace lineside {
namespace {

using namespace std::chrono_literals;
using hub::Queries;
using hub::Store;
using hub::TagDesk;

const std::string kEpoch = "01890a5d-ac96-774b-bcce-b302099a8057";

class Outgoing final : public gateway::RecordSink {
 public:
  void put(Lane lane, RecordBody body) override {
    if (lane == Lane::bulk) bulk.push_back(std::move(body));
  }
  std::vector<RecordBody> bulk;
};

struct Read {
  WallTime time{};
  double value = 0;
};

class TelemetryPath : public ::testing::Test {
 protected:
  TelemetryPath() {
    settings_.sources.push_back({.name = "boiler"});
    settings_.block_period = 10s;
    for (const char* name : {"boiler/feed", "boiler/drum", "boiler/exact"}) {
      config::TagSettings tag{.name = name, .source = "boiler", .unit = "°C"};
      tag.max_error = 0.5;
      settings_.tags.push_back(tag);
    }
    settings_.tags[2].max_error = 0;
    open();
    restart_gateway();
  }
  void open() {
    store_.reset();
    store_ = Store::open(folder_ / "hub.db", clock_, metrics_).value();
  }
  void restart_gateway() {
    filter_ =
        std::make_unique<gateway::TagFilter>(settings_, gateway::TelemetryParts{outgoing_, metrics_, clock_, {}, {}});
  }
  void read_for(std::chrono::seconds span) {
    for (auto end = clock_.wall() + span; clock_.wall() < end;) {
      std::vector<Sample> samples;
      for (std::size_t tag = 0; tag < settings_.tags.size(); ++tag) {
        const double value = tag == 2 ? static_cast<double>(random_() % 500) / 10
                                      : 60 + 20 * std::sin(static_cast<double>(read_[0].size()) * 0.05) +
                                            static_cast<double>(random_() % 100) / 50;
        samples.push_back({.tag = tag,
                           .source_time = clock_.wall(),
                           .received = clock_.wall(),
                           .value = value,
                           .quality = Quality::good});
        read_[tag].push_back({clock_.wall(), value});
      }
      filter_->take(samples);
      clock_.advance(1s);
      filter_->look_after();
    }
  }
  // Over the wire, as the uplink packs it. `drop`: the outbox was full, these places of what waits are gone.
  void deliver(std::set<std::size_t> drop = {}) {
    wire::BatchBuilder builder("t1", "g1", Lane::bulk, kEpoch, sequence_ + 1, clock_.wall());
    for (std::size_t i = 0; i < outgoing_.bulk.size(); ++i) {
      const std::uint64_t number = ++sequence_;
      const Record record = drop.contains(i)
                                ? Record{number, LossRecord{Lane::bulk, number, number, "outbox.full", clock_.wall()}}
                                : Record{number, outgoing_.bulk[i]};
      ASSERT_TRUE(builder.add(wire::encode_record(record)));
    }
    outgoing_.bulk.clear();
    auto batch = wire::decode_batch(builder.finish().value());
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    EXPECT_EQ(batch->unreadable, 0U);
    wire::correct_times(*batch, clock_.wall());
    const hub::IncomingBatch incoming{std::move(*batch), 100};
    ASSERT_EQ(store_->commit({&incoming, 1}).value().front().watermark, sequence_);
  }
  hub::TagHistory history(const std::string& tag, WallTime from, WallTime to, std::size_t points = 100'000) {
    auto queries = Queries::open(folder_ / "hub.db").value();
    auto found = desk_.history(queries, "t1", "g1", tag, from, to, points).value();
    return found ? *found : hub::TagHistory{};
  }
  hub::TagList newest() {
    auto queries = Queries::open(folder_ / "hub.db").value();
    return desk_.newest(queries, "t1", "g1").value();
  }
  // How many of the readings arrived, each within its bound; anything else in the history is a failure.
  std::size_t arrived(std::size_t tag) {
    const double bound = settings_.tags[tag].max_error;
    const auto found = history(settings_.tags[tag].name, WallTime{}, clock_.wall());
    std::map<WallTime, double> wanted;
    for (const Read& one : read_[tag]) wanted[one.time] = one.value;
    for (const auto& point : found.points) {
      const auto it = wanted.find(point.time);
      if (it == wanted.end()) {
        ADD_FAILURE() << "nobody read this";
        return 0;
      }
      EXPECT_LE(std::abs(point.value - it->second), bound);
    }
    return found.points.size();
  }

  TestFolder folder_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  config::TelemetrySettings settings_;
  std::unique_ptr<Store> store_;
  Outgoing outgoing_;
  std::unique_ptr<gateway::TagFilter> filter_;
  TagDesk desk_{clock_};
  std::uint64_t sequence_ = 0;
  std::mt19937 random_{4};
  std::array<std::vector<Read>, 3> read_;
};

TEST_F(TelemetryPath, EveryReadingArrivesWithinItsBound) {
  for (int i = 0; i < 5; ++i) {
    read_for(100s);
    deliver();
    const auto list = newest();
    ASSERT_EQ(list.tags.size(), 3U);
    EXPECT_TRUE(list.troubles.empty());
    EXPECT_TRUE(list.complete);
    const auto& feed = list.tags[2];
    EXPECT_EQ(feed.tag, "boiler/feed");
    EXPECT_EQ(feed.unit, "°C");
    ASSERT_TRUE(feed.newest.has_value());
    EXPECT_EQ(feed.newest->time, read_[0].back().time);
    EXPECT_NEAR(feed.newest->value, read_[0].back().value, 0.5);
    EXPECT_EQ(feed.trend.size(), TagDesk::kTrend);
  }
  for (std::size_t tag = 0; tag < 3; ++tag) EXPECT_EQ(arrived(tag), 500U);
  const auto some = history("boiler/drum", read_[1][100].time, read_[1][199].time);
  EXPECT_EQ(some.points.size(), 100U);
  EXPECT_FALSE(some.reduced);
  const auto few = history("boiler/drum", WallTime{}, clock_.wall(), 50);
  EXPECT_TRUE(few.reduced);
  EXPECT_LE(few.points.size(), 51U);
  std::uint64_t counted = 0;
  for (const auto& point : few.points) counted += point.count;
  EXPECT_EQ(counted, 500U);
}

TEST_F(TelemetryPath, IsTheSameAfterARestartOfTheHub_AndAfterOneOfTheGateway) {
  read_for(50s);
  deliver();
  newest();
  open();
  TagDesk other(clock_);
  auto queries = Queries::open(folder_ / "hub.db").value();
  const auto list = other.newest(queries, "t1", "g1").value();
  ASSERT_EQ(list.tags.size(), 3U);
  EXPECT_EQ(list.tags[2].newest->time, read_[0].back().time);
  filter_->close_all();
  restart_gateway();
  read_for(50s);
  deliver();
  EXPECT_EQ(newest().tags[2].newest->time, read_[0].back().time);
  for (std::size_t tag = 0; tag < 3; ++tag) EXPECT_EQ(arrived(tag), 100U);
}

// What can't be rebuilt because a block was lost is said, and never a wrong number.
TEST_F(TelemetryPath, ALostBlockIsAGapUntilTheNextGeneration) {
  read_for(100s);
  deliver({4});
  const auto list = newest();
  ASSERT_EQ(list.troubles.size(), 1U);
  EXPECT_NE(list.troubles[0].find("boiler"), std::string::npos);
  EXPECT_EQ(arrived(0), 40U);
  const auto found = history("boiler/feed", WallTime{}, clock_.wall());
  ASSERT_EQ(found.gaps.size(), 1U);
  EXPECT_EQ(found.gaps[0].from, read_[0][50].time);
  EXPECT_EQ(found.gaps[0].to, read_[0][99].time);
  EXPECT_EQ(metrics_.counter("lineside_hub_unreadable_tag_blocks_total", "").value(), 5U);
  restart_gateway();
  read_for(50s);
  deliver();
  EXPECT_TRUE(newest().troubles.empty());
  EXPECT_EQ(arrived(0), 90U);
}

TEST_F(TelemetryPath, ALostFirstBlockIsSaidToo) {
  read_for(30s);
  deliver({0});
  EXPECT_EQ(newest().troubles.size(), 1U);
  EXPECT_EQ(history("boiler/feed", WallTime{}, clock_.wall()).points.size(), 0U);
}

// The planted bug: somebody changes a block in the store, or sender and receiver don't compute alike.
TEST_F(TelemetryPath, ANumberThatIsNotWhatTheGatewayProvedIsNoticed) {
  read_for(100s);
  deliver();
  {
    auto database = Database::open(folder_ / "hub.db").value();
    ASSERT_TRUE(
        database.execute("UPDATE tag_block SET content = CAST(zeroblob(length(content)) AS BLOB) WHERE block = 6"));
  }
  EXPECT_EQ(newest().troubles.size(), 1U);
  EXPECT_EQ(arrived(0), 60U);
  EXPECT_EQ(history("boiler/feed", WallTime{}, clock_.wall()).gaps.size(), 1U);
}

TEST_F(TelemetryPath, NobodyElseSeesThem) {
  read_for(20s);
  deliver();
  auto queries = Queries::open(folder_ / "hub.db").value();
  EXPECT_TRUE(desk_.newest(queries, "t2", "g1").value().tags.empty());
  EXPECT_FALSE(desk_.history(queries, "t2", "g1", "boiler/feed", WallTime{}, clock_.wall(), 100).value().has_value());
  EXPECT_FALSE(
      desk_.history(queries, "t1", "g1", "boiler/nothing", WallTime{}, clock_.wall(), 100).value().has_value());
}

TEST_F(TelemetryPath, AClockThatWasNeverSetGetsTheHubsTimes_RowsToo) {
  ManualClock wrong{WallTime{1000s}};
  gateway::TagFilter filter(settings_, gateway::TelemetryParts{outgoing_, metrics_, wrong, {}, {}});
  for (int i = 0; i < 5; ++i) {
    const Sample sample{.tag = 0, .received = wrong.wall(), .value = i * 10.0, .quality = Quality::good};
    filter.take({&sample, 1});
    wrong.advance(1s);
  }
  filter.close_all();
  deliver();
  const auto found = history("boiler/feed", clock_.wall() - 1min, clock_.wall());
  ASSERT_EQ(found.points.size(), 5U);
  EXPECT_EQ(found.points.back().time, clock_.wall());
  EXPECT_EQ(found.points.front().time, clock_.wall() - 4s);
}

TEST_F(TelemetryPath, OldGenerationsAreDeletedAsAWhole) {
  read_for(100s);
  deliver();
  const WallTime middle = clock_.wall() - 50s;
  EXPECT_EQ(store_->delete_older_than(middle).value(), 0U);
  filter_->close_all();
  restart_gateway();
  read_for(100s);
  deliver();
  EXPECT_EQ(store_->delete_older_than(clock_.wall() - 90s).value(), 10U);
  EXPECT_EQ(arrived(0), 100U);
}

TEST_F(TelemetryPath, SummariesArriveToo) {
  settings_.tags[1].summary_only = true;
  restart_gateway();
  read_for(130s);
  filter_->close_all();
  deliver();
  const auto list = newest();
  ASSERT_EQ(list.tags.size(), 3U);
  ASSERT_TRUE(list.tags[0].summary.has_value());
  EXPECT_EQ(list.tags[0].tag, "boiler/drum");
  const auto found = history("boiler/drum", WallTime{}, clock_.wall());
  EXPECT_GE(found.summaries.size(), 2U);
  std::uint64_t count = 0;
  for (const auto& summary : found.summaries) count += summary.count;
  EXPECT_EQ(count, 130U);
}

TEST_F(TelemetryPath, GarbageFromAGatewayDoesNoHarm) {
  read_for(60s);
  for (auto& body : outgoing_.bulk)
    if (auto* block = std::get_if<TagBlock>(&body)) {
      for (auto& byte : block->bytes) byte = static_cast<std::uint8_t>(random_());
      if (block->index > 2)
        block->index += static_cast<std::uint32_t>(random_() % 3);
      else if (block->index == 0)
        block->plan[random_() % block->plan.size()] ^= 0x21;
    }
  deliver();
  newest();
  history("boiler/feed", WallTime{}, clock_.wall());
}

}  // namespace
}  // namespace lineside
