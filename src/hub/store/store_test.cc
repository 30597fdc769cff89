#include "hub/store/store.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <format>
#include <limits>

#include "base/file.h"
#include "base/sqlite.h"
#include "base/test_folder.h"
#include "hub/store/known_names.h"
#include "hub/store/queries.h"
#include "hub/store/tag_sql.h"
#include "model/tag_limits.h"

namespace lineside::hub {
namespace {

using namespace std::chrono_literals;

const std::string kEpoch = "01890a5d-ac96-774b-bcce-b302099a8057", kLater = "01990a5d-ac96-774b-bcce-b302099a8057";

Record verdict(std::uint64_t sequence) {
  return {sequence,
          VerdictRecord{.station = "cap", .item = sequence, .time = WallTime{1s * sequence}, .label = "good"}};
}

Record loss(std::uint64_t first, std::uint64_t last, const char* cause = "queue.full") {
  return {last, LossRecord{Lane::urgent, first, last, cause, WallTime{}}};
}

IncomingBatch batch(std::vector<Record> records, const std::string& epoch = kEpoch, Lane lane = Lane::urgent,
                    const std::string& gateway = "g1") {
  IncomingBatch incoming{.wire_bytes = 100};
  incoming.batch = {.tenant = "t1", .gateway = gateway, .lane = lane, .epoch = epoch};
  incoming.batch.first_sequence = wire::span_first(records.front());
  incoming.batch.records = std::move(records);
  return incoming;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { open(); }
  void open() {
    store_.reset();
    store_ = Store::open(file_, clock_, metrics_).value();
  }
  CommitOutcome commit(const IncomingBatch& incoming) { return store_->commit({&incoming, 1}).value().front(); }
  std::int64_t number(const std::string& sql) {
    auto database = Database::open(file_, Durability::full, true).value();
    auto query = database.prepare(sql).value();
    EXPECT_TRUE(query.step().value());
    return query.integer(0);
  }
  std::string text(const std::string& sql) {
    auto database = Database::open(file_, Durability::full, true).value();
    auto query = database.prepare(sql).value();
    return query.step().value() ? query.text(0) : "";
  }

  TestFolder folder_;
  fs::path file_ = folder_ / "hub.db";
  ManualClock clock_;
  MetricsRegistry metrics_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, TellsABatchThatItNeverTakes_FromStorageThatFails) {
  {
    auto other = Database::open(file_).value();
    ASSERT_TRUE(
        other.execute("CREATE TRIGGER no_thirteen BEFORE INSERT ON verdict WHEN NEW.item = 13 "
                      "BEGIN SELECT RAISE(ABORT, 'no item 13 here'); END"));
  }
  auto unlucky = verdict(1);
  std::get<VerdictRecord>(unlucky.body).item = 13;
  const auto refused = batch({unlucky});
  const auto outcomes = store_->commit({&refused, 1});
  ASSERT_FALSE(outcomes);
  EXPECT_EQ(outcomes.error().code, ErrorCode::wire_invalid) << outcomes.error().message;
  EXPECT_EQ(commit(batch({verdict(1)})).watermark, 1U);
}

TEST_F(StoreTest, StoresEachSequenceOnce_WhateverComesTwice) {
  EXPECT_EQ(commit(batch({verdict(1), verdict(2)})).stored, 2U);
  const auto again = commit(batch({verdict(1), verdict(2), verdict(3)}));
  EXPECT_EQ(again.stored, 1U);
  EXPECT_EQ(again.duplicates, 2U);
  EXPECT_EQ(again.watermark, 3U);
  EXPECT_EQ(number("SELECT count(*) FROM verdict"), 3);
  EXPECT_EQ(number("SELECT wire_bytes FROM traffic"), 200);
}

// One gateway's nonsense must stop neither ingest nor the start of the hub, which belong to all tenants.
TEST_F(StoreTest, TakesFiguresWhoseSumsAreTooBigForANumber) {
  constexpr auto kHuge = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const StationSummary huge{.station = "cap",
                            .from = WallTime{1s},
                            .to = WallTime{2s},
                            .items = kHuge,
                            .passed = kHuge,
                            .rejected = kHuge,
                            .fail_safe = kHuge,
                            .late = kHuge,
                            .actuation_failed = kHuge,
                            .raw_bytes = kHuge};
  for (std::uint64_t sequence = 1; sequence <= 20; sequence += 2)
    ASSERT_EQ(commit(batch({{sequence, huge}, {sequence + 1, huge}}, kEpoch, Lane::bulk)).stored, 2U);
  for (int i = 0; i < 200; ++i) {
    const auto epoch = std::format("01990a5d-ac96-774b-bcce-{:012x}", i);
    ASSERT_EQ(commit(batch({loss(1, wire::kSequenceMax)}, epoch)).stored, 1U);
  }
  Queries queries = Queries::open(file_).value();
  EXPECT_EQ(queries.gateways("t1").value().size(), 1U);
  const StationId cap{"g1", "cap"};
  EXPECT_EQ(queries.totals("t1", cap, WallTime{}, WallTime{1h}).value().items, kHuge);
  EXPECT_EQ(queries.series("t1", cap, WallTime{}, WallTime{1h}, 60s).value().size(), 1U);
}

TEST_F(StoreTest, StoresNothingOfABatchThatDoesNotConnect) {
  commit(batch({verdict(1)}));
  const auto outcome = commit(batch({verdict(3), verdict(4)}));
  EXPECT_TRUE(outcome.gap);
  EXPECT_EQ(outcome.stored, 0U);
  EXPECT_EQ(outcome.watermark, 1U);
  EXPECT_EQ(number("SELECT count(*) FROM verdict"), 1);
}

TEST_F(StoreTest, CutsALossToWhatIsNotStored) {
  commit(batch({verdict(1), verdict(2), verdict(3)}));
  EXPECT_EQ(commit(batch({loss(1, 8, "outbox.full"), verdict(9)})).watermark, 9U);
  EXPECT_EQ(number("SELECT first_sequence FROM loss"), 4);
  EXPECT_EQ(number("SELECT last_sequence FROM loss"), 8);
  EXPECT_EQ(number("SELECT exact FROM loss"), 1);
  commit(batch({loss(10, 12, "gateway.power_lost.at_most")}));
  EXPECT_EQ(number("SELECT exact FROM loss WHERE first_sequence = 10"), 0);
}

TEST_F(StoreTest, MakesOneRowOfLossesThatFollowOnEachOther_OfOneCauseOnly) {
  const auto rows = [&] { return number("SELECT count(*) FROM loss"); };
  const auto lost = [&] { return number("SELECT sum(last_sequence - first_sequence + 1) FROM loss"); };
  commit(batch({loss(1, 1), loss(2, 4)}));
  EXPECT_EQ(rows(), 1);
  commit(batch({loss(2, 6)}));  // a part of it is stored
  EXPECT_EQ(rows(), 1);
  EXPECT_EQ(number("SELECT last_sequence FROM loss WHERE first_sequence = 1"), 6);
  commit(batch({loss(7, 7, "outbox.full"), loss(8, 8)}));
  EXPECT_EQ(rows(), 3) << "another cause is between";
  commit(batch({verdict(9), loss(10, 10)}));
  EXPECT_EQ(rows(), 4) << "a record is between";
  EXPECT_EQ(lost(), 9);
  commit(batch({loss(1, 1)}, kEpoch, Lane::bulk));
  commit(batch({loss(1, 1)}, kEpoch, Lane::urgent, "g2"));
  EXPECT_EQ(rows(), 6);
  EXPECT_EQ(commit(batch({loss(11, 11)})).watermark, 11U);
  EXPECT_EQ(rows(), 6);
  EXPECT_EQ(lost(), 12);
  EXPECT_EQ(number("SELECT count(*) FROM loss WHERE last_sequence < first_sequence"), 0);
}

TEST_F(StoreTest, KeepsLanesAndGatewaysApart) {
  commit(batch({verdict(1), verdict(2)}));
  EXPECT_EQ(commit(batch({verdict(1)}, kEpoch, Lane::bulk)).watermark, 1U);
  EXPECT_EQ(commit(batch({verdict(1)}, kEpoch, Lane::urgent, "g2")).watermark, 1U);
  EXPECT_EQ(store_->watermarks().value().size(), 4U);
}

TEST_F(StoreTest, BeginsAgainWithANewEpoch_ExplainsTheOldOnesEnd_AndNeverGoesBack) {
  commit(batch({verdict(1), verdict(2)}));
  EXPECT_EQ(commit(batch({verdict(1)}, kLater)).watermark, 1U);
  EXPECT_EQ(number("SELECT count(*) FROM verdict"), 3);
  EXPECT_EQ(text("SELECT cause FROM loss WHERE lane = 0 AND epoch = 1"), "outbox.replaced");
  EXPECT_EQ(number("SELECT first_sequence FROM loss WHERE lane = 0"), 3);
  EXPECT_EQ(number("SELECT last_sequence FROM loss WHERE lane = 0"), 2);
  EXPECT_EQ(number("SELECT exact FROM loss WHERE lane = 0"), 0);
  const auto old = commit(batch({verdict(3)}, kEpoch));
  EXPECT_TRUE(old.stale_epoch);
  EXPECT_EQ(number("SELECT count(*) FROM verdict"), 3);
  EXPECT_EQ(store_->watermarks().value().front().epoch, kLater);
}

TEST_F(StoreTest, AcceptsANewEpochThatIsOlderByTheClock) {
  commit(batch({verdict(1)}, kLater));
  EXPECT_EQ(commit(batch({verdict(1)}, kEpoch)).stored, 1U);  // the gateway's clock had lost its battery
}

TEST_F(StoreTest, KeepsEveryKindOfRecord) {
  StationSummary summary{.station = "cap", .items = 7};
  summary.decision_latency = {{1000, 3}, {2000, 4}};
  commit(batch({{1, summary},
                {2, EventRecord{.id = "e", .type = "camera.lost", .message = "a", .evidence = {{"k\"\n", "v\\"}}}},
                {3, PictureRecord{.station = "cap", .kind = "thumbnail", .jpeg = {1, 2, 3}}},
                {4, VerdictRecord{.station = "cap", .score = std::numeric_limits<float>::quiet_NaN()}}}));
  EXPECT_EQ(text("SELECT latency_json FROM station_summary"), "[[1000,3],[2000,4]]");
  EXPECT_EQ(text("SELECT json_extract(evidence_json, '$') FROM event"), "{\"k\\\"\\n\":\"v\\\\\"}");
  EXPECT_EQ(number("SELECT length(jpeg) FROM picture"), 3);
  EXPECT_EQ(number("SELECT score IS NULL FROM verdict"), 1);
}

AssetSummary motor(WallTime to, float score, const std::string& asset = "motor1") {
  AssetSummary summary{.asset = asset, .from = to - 1s, .to = to, .mode = "scoring", .windows = 10, .anomalies = 1};
  summary.score_min = score / 2, summary.score_mean = score, summary.score_max = score * 2, summary.threshold = 3;
  summary.features = {{"x rms", score}};
  return summary;
}

TEST_F(StoreTest, AnAssetHasTheSeverityOfItsOpenAnomaly_AndTheLongestOfItsNewestPeriods) {
  const auto at = [](int second, bool alarm, std::chrono::seconds length) {
    AssetSummary summary = motor(WallTime{std::chrono::seconds{second}}, 1);
    summary.from = summary.to - length;
    summary.alarm = alarm;
    return summary;
  };
  const auto told = [](const char* id, Severity severity, int second, const char* type = "condition.anomaly") {
    return EventRecord{.id = id,
                       .type = type,
                       .asset = "motor1",
                       .severity = severity,
                       .time = WallTime{std::chrono::seconds{second}},
                       .message = "louder"};
  };
  Queries queries = Queries::open(file_).value();
  const auto now = [&queries] { return queries.asset("t1", {"g1", "motor1"}).value().value(); };
  commit(batch({{1, at(3600, false, 3600s)}}));
  EXPECT_EQ(now().severity, Severity::info);
  EXPECT_EQ(now().period, 3600s);
  commit(batch({{2, at(3700, true, 100s)}}));
  EXPECT_EQ(now().severity, Severity::high) << "its event is not there";
  EXPECT_EQ(now().period, 3600s) << "an event made it shorter";
  commit(batch({{3, told("e1", Severity::low, 3700)}, {4, told("e2", Severity::high, 3701, "sensor.fault")}}));
  EXPECT_EQ(now().severity, Severity::low);
  commit(batch({{5, told("e3", Severity::medium, 3800)}}));
  EXPECT_EQ(now().severity, Severity::medium) << "it grew";
  commit(batch({{6, at(7400, false, 3600s)}}));
  EXPECT_EQ(now().severity, Severity::info) << "it ended";
}

TEST_F(StoreTest, AnswersForAMachine_WithItsNewestSummaryAndSpectra) {
  AssetSummary with_spectra = motor(WallTime{20s}, 1);
  with_spectra.spectra = {{"x", "g", {5}, {1}, {2}, {3}}};
  commit(batch({{1, motor(WallTime{10s}, 1)},
                {2, with_spectra},
                {3, motor(WallTime{30s}, 2)},
                {4, motor(WallTime{30s}, 9, "pump1")}}));
  Queries queries = Queries::open(file_).value();
  const auto all = queries.assets("t1").value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, (AssetId{"g1", "motor1"}));
  EXPECT_EQ(all[0].newest.to, WallTime{30s});
  EXPECT_EQ(all[0].newest.score_max, 4);
  EXPECT_EQ(all[1].id.asset, "pump1");
  const auto one = queries.asset("t1", {"g1", "motor1"}).value();
  ASSERT_TRUE(one);
  EXPECT_EQ(one->newest.to, WallTime{30s});
  EXPECT_EQ(one->spectra_time, WallTime{20s});
  EXPECT_NE(one->spectra_json, "");
  EXPECT_TRUE(queries.assets("t2").value().empty());
  EXPECT_FALSE(queries.asset("t2", {"g1", "motor1"}).value());
}

TEST_F(StoreTest, DrawsAMachinesScoresInSteps_AndLeavesBadSensorsOutOfTheMean) {
  AssetSummary half_blind = motor(WallTime{12s}, 4);
  half_blind.sensor_faults = 8;  // two of ten windows were scored
  commit(batch({{1, motor(WallTime{11s}, 1)}, {2, half_blind}, {3, motor(WallTime{25s}, 2)}}));
  Queries queries = Queries::open(file_).value();
  const auto points = queries.asset_series("t1", {"g1", "motor1"}, WallTime{10s}, WallTime{30s}, 10s).value();
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].from, WallTime{10s});
  EXPECT_EQ(points[0].windows, 20U);
  EXPECT_DOUBLE_EQ(points[0].score_mean, (10 * 1 + 2 * 4) / 12.0);
  EXPECT_DOUBLE_EQ(points[0].score_max, 8);
  EXPECT_DOUBLE_EQ(points[0].score_min, 0.5);
  EXPECT_EQ(points[1].from, WallTime{20s});
  EXPECT_TRUE(queries.asset_series("t2", {"g1", "motor1"}, WallTime{10s}, WallTime{30s}, 10s).value().empty());
}

TEST_F(StoreTest, KeepsWhatPeopleSaidOfAnEvent_InItsTenantOnly) {
  commit(batch({{1, EventRecord{.id = "e1", .type = "condition.anomaly", .asset = "motor1", .message = "louder"}},
                {2, EventRecord{.id = "e2", .type = "condition.anomaly", .asset = "pump1", .message = "louder"}}}));
  ASSERT_TRUE(store_->add_feedback("t1", {"g1", "motor1", "e1", "normal", "it was the forklift", "ann", {}}));
  ASSERT_TRUE(store_->add_feedback("t1", {"g1", "motor1", "e1", "fault", "", "bob", {}}));
  Queries queries = Queries::open(file_).value();
  const auto events = queries.asset_events("t1", {"g1", "motor1"}, 10).value();
  ASSERT_EQ(events.size(), 1U);
  ASSERT_EQ(events[0].feedback.size(), 2U);
  EXPECT_EQ(events[0].feedback[0].note, "it was the forklift");
  EXPECT_EQ(events[0].feedback[1].judgement, "fault");
  EXPECT_EQ(events[0].feedback[1].user, "bob");
  EXPECT_TRUE(queries.asset_events("t2", {"g1", "motor1"}, 10).value().empty());
}

TEST_F(StoreTest, StoresAllOrNothing_WhicheverOperationFails) {
  std::uint64_t next = 1;
  for (std::uint64_t nth = 0; nth < 1000; ++nth) {
    SCOPED_TRACE(nth);
    const std::vector<IncomingBatch> group{batch({verdict(next), loss(next + 1, next + 3)}),
                                           batch({verdict(next)}, kEpoch, Lane::bulk, "g" + std::to_string(nth + 2))};
    bool failed = false;
    {
      const FaultPlan plan(nth, ENOSPC);
      const auto outcomes = store_->commit(group);
      failed = !outcomes;
      if (failed) {
        EXPECT_EQ(outcomes.error().code, ErrorCode::disk_full);
      }
      if (plan.operations() <= nth) {
        EXPECT_FALSE(failed);
        return;
      }
    }
    EXPECT_TRUE(failed);
    EXPECT_EQ(number("SELECT coalesce(max(sequence), 0) FROM verdict WHERE gateway = 'g1'"), 0);
    EXPECT_EQ(number("SELECT count(*) FROM watermark"), 0);
  }
  ADD_FAILURE() << "there were always more operations";
}

IncomingBatch summaries(std::uint64_t first, std::uint64_t last, const std::string& prefix) {
  std::vector<Record> records;
  for (std::uint64_t i = first; i <= last; ++i)
    records.push_back({i, AssetSummary{.asset = prefix + std::to_string(i % kAssetsMax), .to = WallTime{1s * i}}});
  return batch(std::move(records), kEpoch, Lane::bulk);
}

TEST_F(StoreTest, DeclaresSummariesOfTooManyAssetsLost) {
  class Listener final : public ChangeListener {
   public:
    void on_records(const std::string&, const std::string&, Lane, std::span<const Record> records) override {
      for (const Record& record : records) summaries += std::holds_alternative<AssetSummary>(record.body);
    }
    void on_gateway_state(const std::string&, const std::string&, const GatewayReport&) override {}
    std::size_t summaries = 0;
  };
  Listener listener;
  store_->add_listener(listener);
  EXPECT_EQ(commit(summaries(1, kAssetsMax, "m")).stored, kAssetsMax);
  const auto more = commit(summaries(kAssetsMax + 1, kAssetsMax + 10, "more"));
  EXPECT_EQ(more.watermark, kAssetsMax + 10) << "the sum holds";
  EXPECT_EQ(number("SELECT count(*) FROM loss WHERE cause = 'hub.assets_max'"), 1);
  store_->remove_listener(listener);
  EXPECT_EQ(listener.summaries, kAssetsMax);
  open();  // known from the database
  EXPECT_EQ(commit(summaries(kAssetsMax + 11, kAssetsMax + 11, "again")).stored, 1U);
  EXPECT_EQ(number("SELECT sum(last_sequence - first_sequence + 1) FROM loss WHERE cause = 'hub.assets_max'"), 11);
  EXPECT_EQ(number("SELECT count(*) FROM loss"), 1);
  EXPECT_EQ(commit(summaries(kAssetsMax + 12, kAssetsMax + 12, "m")).stored, 1U);
  EXPECT_EQ(number("SELECT count(*) FROM asset_summary"), static_cast<int>(kAssetsMax) + 1);
}

TEST_F(StoreTest, DeclaresSummariesOfTooManyStationsLost) {
  std::vector<Record> records;
  for (std::uint64_t i = 1; i <= kStationsMax + 5; ++i)
    records.push_back({i, StationSummary{.station = "made-up-" + std::to_string(i), .to = WallTime{1s * i}}});
  EXPECT_EQ(commit(batch(std::move(records), kEpoch, Lane::bulk)).watermark, kStationsMax + 5) << "the sum holds";
  EXPECT_EQ(number("SELECT count(*) FROM station_summary"), static_cast<int>(kStationsMax));
  EXPECT_EQ(number("SELECT sum(last_sequence - first_sequence + 1) FROM loss WHERE cause = 'hub.stations_max'"), 5);
  EXPECT_EQ(metrics_.counter("lineside_hub_station_limit_records_total", "").value(), 5U);
}

TEST_F(StoreTest, AnAssetThatIsNotStoredTakesNoPlace) {
  commit(summaries(1, kAssetsMax - 1, "m"));
  EXPECT_TRUE(commit(summaries(5000, 5009, "gap")).gap);
  EXPECT_EQ(commit(summaries(1, 10, "again")).duplicates, 10U);
  EXPECT_EQ(commit(summaries(kAssetsMax, kAssetsMax, "last")).stored, 1U);
  EXPECT_EQ(number("SELECT count(*) FROM loss"), 0);
}

TagBlock block(const std::string& stream, std::uint64_t generation, std::uint32_t index, WallTime to) {
  TagBlock made{.stream = stream, .generation = generation, .index = index, .from = to - 1s, .to = to};
  if (index == 0) made.plan = {1};
  return made;
}

// Without the index's name SQLite takes another one and reads all that a stream or a gateway keeps.
TEST_F(StoreTest, QuestionsAboutTagsReadNoMoreThanTheirRows) {
  const auto how = [&](std::string_view sql) {
    auto database = Database::open(file_, Durability::full, true).value();
    auto plan = database.prepare("EXPLAIN QUERY PLAN " + std::string(sql)).value();
    std::string all;
    while (plan.step().value()) all += plan.text(3) + "\n";
    return all;
  };
  const std::string generation = "(tenant=? AND gateway=? AND stream=? AND generation=?";
  for (const auto sql : {tag_sql::kPlan, tag_sql::kBlocks, tag_sql::kLast})
    EXPECT_NE(how(sql).find("INDEX tag_block_in_order " + generation), std::string::npos) << how(sql);
  EXPECT_NE(how(tag_sql::kPlan).find(generation + " AND block=?"), std::string::npos) << how(tag_sql::kPlan);
  const std::string remove = how(tag_sql::kOldGenerations);
  EXPECT_NE(remove.find("INDEX tag_block_ends " + generation + " AND to_ns>?)"), std::string::npos) << remove;
  EXPECT_NE(remove.find("INDEX tag_generation_by_age (to_ns<?)"), std::string::npos) << remove;
  EXPECT_NE(how(tag_sql::kDeleteGeneration).find("INDEX tag_block_in_order " + generation), std::string::npos);
  EXPECT_NE(how(tag_sql::kDeleteUnreadable).find("INDEX tag_unreadable_by_age (to_ns<?)"), std::string::npos);
  for (const auto sql :
       {tag_sql::kNewest, tag_sql::kNewestNumber, tag_sql::kNextStream, tag_sql::kNextSummarized, tag_sql::kBetween})
    EXPECT_EQ(how(sql).find("SCAN"), std::string::npos) << how(sql);
  EXPECT_EQ(remove.find("SCAN tag"), std::string::npos) << remove;
}

TEST_F(StoreTest, DeclaresWhatTooManyTagsSendLost) {
  std::vector<Record> records;
  const auto add = [&](RecordBody body) {
    const std::uint64_t next = records.size() + 1;
    records.push_back({next, std::move(body)});
  };
  for (std::size_t i = 0; i <= kTagStreamsMax; ++i) add(block("s" + std::to_string(i), 1, 0, WallTime{9s}));
  for (std::size_t i = 0; i <= kSummaryTagsMax; ++i)
    add(TagSummary{.tag = "t" + std::to_string(i), .to = WallTime{9s}});
  add(block("s0", 1, 1, WallTime{9s}));
  const std::uint64_t all = records.size();
  EXPECT_EQ(commit(batch(std::move(records), kEpoch, Lane::bulk)).watermark, all) << "the sum holds";
  EXPECT_EQ(number("SELECT sum(last_sequence - first_sequence + 1) FROM loss WHERE cause = 'hub.tags_max'"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM tag_block"), static_cast<int>(kTagStreamsMax) + 1);
  EXPECT_EQ(metrics_.counter("lineside_hub_tag_limit_records_total", "").value(), 2U);
  auto queries = Queries::open(file_).value();
  EXPECT_TRUE(queries.has_tags("t1", "g1").value());
  EXPECT_FALSE(queries.has_tags("t2", "g1").value());
  EXPECT_EQ(queries.tag_streams("t1", "g1", 3).value(), (std::vector<std::string>{"s0", "s1", "s10"}));
  ASSERT_TRUE(store_->delete_older_than(WallTime{10s}, 100'000).has_value());
  const std::vector<Record> more{{all + 1, block("new", 1, 0, WallTime{20s})}};
  commit(batch(more, kEpoch, Lane::bulk));
  EXPECT_EQ(number("SELECT count(*) FROM tag_block"), 1) << "there is room again";
}

TEST_F(StoreTest, ABlockWhoseNumberIsTakenIsDeclaredLost) {
  commit(batch({{1, block("s", 1, 0, WallTime{1s})}, {2, block("s", 1, 1, WallTime{2s})}}, kEpoch, Lane::bulk));
  const std::vector<Record> again{{3, block("s", 1, 1, WallTime{90s})}, {4, block("s", 2, 0, WallTime{90s})}};
  EXPECT_EQ(commit(batch(again, kEpoch, Lane::bulk)).watermark, 4U);
  EXPECT_EQ(number("SELECT first_sequence FROM loss WHERE cause = 'hub.tag_block_repeated'"), 3);
  EXPECT_EQ(number("SELECT count(*) FROM tag_block"), 3);
  EXPECT_EQ(store_->delete_older_than(WallTime{50s}).value(), 2U) << "nobody keeps a generation by repeating a block";
}

TEST_F(StoreTest, BlocksOfARolledBackGroupAreNotCountedForTheNext) {
  const IncomingBatch unreadable = batch({{1, block("s", 1, 5, WallTime{1s})}}, kEpoch, Lane::bulk);
  int failures = 0;
  for (std::uint64_t nth = 0; nth < 1000; ++nth, ++failures) {
    const FaultPlan plan(nth, ENOSPC);
    if (store_->commit({&unreadable, 1}).has_value()) break;
  }
  EXPECT_GT(failures, 1);
  commit(batch({verdict(1)}, kEpoch, Lane::bulk, "g2"));
  EXPECT_EQ(metrics_.counter("lineside_hub_unreadable_tag_blocks_total", "").value(), 1U);
}

TEST_F(StoreTest, TellsListenersOnlyWhatIsNew) {
  struct Listener final : ChangeListener {
    void on_records(const std::string&, const std::string& gateway, Lane, std::span<const Record> records) override {
      for (const Record& record : records) sequences.push_back(record.sequence);
      from = gateway;
    }
    void on_gateway_state(const std::string&, const std::string&, const GatewayReport& report) override {
      online = report.online;
    }
    std::vector<std::uint64_t> sequences;
    std::string from;
    bool online = false;
  } listener;
  store_->add_listener(listener);
  commit(batch({verdict(1), verdict(2)}));
  commit(batch({verdict(2), verdict(3)}));
  commit(batch({verdict(9)}));
  EXPECT_EQ(listener.sequences, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(listener.from, "g1");
  ASSERT_TRUE(store_->set_gateway_state("t1", "g1", {.online = true, .version = "0.1.0"}));
  EXPECT_TRUE(listener.online);
  store_->remove_listener(listener);
  commit(batch({verdict(4)}));
  EXPECT_EQ(listener.sequences.size(), 3U);
}

TEST_F(StoreTest, SaysOfflineAfterARestart_UntilTheGatewaySaysOtherwise) {
  ASSERT_TRUE(store_->set_gateway_state("t1", "g1", {.online = true, .version = "0.1.0"}));
  EXPECT_EQ(number("SELECT online FROM gateway"), 1);
  open();
  EXPECT_EQ(number("SELECT online FROM gateway"), 0);
  ASSERT_TRUE(store_->set_gateway_state("t1", "g1", {.online = true}));
  EXPECT_EQ(text("SELECT version FROM gateway"), "0.1.0");
}

TEST_F(StoreTest, DeletesWhatIsOld_InSmallSteps_AndNeverTheProof) {
  std::vector<Record> records;
  for (std::uint64_t sequence = 1; sequence <= 100; ++sequence) records.push_back(verdict(sequence));
  records.push_back(loss(101, 110));
  commit(batch(std::move(records)));
  EXPECT_EQ(store_->delete_older_than(WallTime{51s}, 30).value(), 30U);
  EXPECT_EQ(store_->delete_older_than(WallTime{51s}, 30).value(), 20U);
  EXPECT_EQ(store_->delete_older_than(WallTime{51s}, 30).value(), 0U);
  EXPECT_EQ(number("SELECT min(item) FROM verdict"), 51);
  EXPECT_EQ(number("SELECT count(*) FROM loss"), 1);
  EXPECT_EQ(number("SELECT last_sequence FROM watermark WHERE lane = 0"), 110);
}

}  // namespace
}  // namespace lineside::hub
