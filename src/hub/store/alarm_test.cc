#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "hub/store/queries.h"
#include "hub/store/store.h"

namespace lineside::hub {
namespace {

using namespace std::chrono_literals;

class AlarmTest : public ::testing::Test {
 protected:
  void deliver(RecordBody body, const std::string& tenant = "t1", const std::string& gateway = "g1") {
    const Lane lane = std::holds_alternative<EventRecord>(body) || std::holds_alternative<LossRecord>(body)
                          ? Lane::urgent
                          : Lane::bulk;
    std::uint64_t& sequence = sequences_[tenant + gateway + to_string(lane)];
    ++sequence;
    if (auto* loss = std::get_if<LossRecord>(&body)) loss->first = loss->last = sequence;
    const IncomingBatch incoming{{tenant,
                                  gateway,
                                  lane,
                                  "01890a5d-ac96-774b-bcce-b302099a8057",
                                  sequence,
                                  {{sequence, std::move(body)}},
                                  clock_.wall()},
                                 100};
    ASSERT_EQ(store_->commit({&incoming, 1}).value().front().watermark, sequence);
  }
  EventRecord event(const std::string& type, const std::string& asset, Severity severity = Severity::info,
                    std::map<std::string, std::string> evidence = {}) {
    clock_.advance(1s);
    return {"e" + std::to_string(++events_), type, asset, severity, clock_.wall(), type + " told", std::move(evidence)};
  }
  EventRecord high(const std::string& tag, const char* value = "81.5") {
    return event("tag.high", tag, Severity::medium, {{"value", value}, {"unit", "°C"}, {"limit", "80"}});
  }
  AlarmList list(const std::string& tenant = "t1") { return queries_.alarms(tenant, clock_.wall(), 100).value(); }
  void acknowledge(const AlarmRow& alarm, const std::string& user = "ann") {
    ASSERT_TRUE(store_->acknowledge_alarm("t1", {alarm.id, alarm.newest.id, alarm.since}, user).has_value());
  }

  TestFolder folder_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  std::unique_ptr<Store> store_ = Store::open(folder_ / "hub.db", clock_, metrics_).value();
  Queries queries_ = Queries::open(folder_ / "hub.db").value();
  std::map<std::string, std::uint64_t> sequences_;
  int events_ = 0;
};

TEST_F(AlarmTest, ListsWhatIsThere_WithPriorityTimeValueAndUnit_AndNothingElse) {
  deliver(high("boiler/temperature"));
  deliver(event("tag.good", "boiler/temperature"));
  deliver(event("model.changed", "line1"));
  deliver(event("condition.anomaly", "motor1", Severity::critical, {{"times_threshold", "3.20"}}));
  const auto now = list();
  ASSERT_EQ(now.alarms.size(), 2U);
  EXPECT_EQ(now.alarms[0].id.asset, "motor1") << "the highest priority first";
  EXPECT_EQ(now.alarms[0].value, "3.20");
  EXPECT_EQ(now.alarms[0].unit, "× threshold");
  const auto& tag = now.alarms[1];
  EXPECT_EQ(tag.newest.severity, Severity::medium);
  EXPECT_EQ(tag.value + tag.unit + tag.limit, "81.5°C80");
  EXPECT_EQ(tag.newest.message, "tag.high told");
  EXPECT_EQ(tag.since, clock_.wall() - 3s);
  EXPECT_EQ(now.active[static_cast<std::size_t>(Severity::critical)], 1U);
  EXPECT_EQ(now.unacknowledged, 2U);
  EXPECT_TRUE(list("t2").alarms.empty());
}

TEST_F(AlarmTest, GoesThroughTheStatesOfIsa182) {
  deliver(high("t"));
  const auto raised = list().alarms.at(0);
  acknowledge(raised);
  acknowledge(raised, "bob");
  EXPECT_EQ(list().alarms.at(0).acked_by, "ann") << "the first one counts";
  EXPECT_EQ(list().unacknowledged, 0U);
  deliver(event("tag.high_high", "t", Severity::high, {{"value", "95"}}));
  const auto worse = list().alarms.at(0);
  EXPECT_EQ(worse.since, raised.since);
  EXPECT_EQ(worse.acked, WallTime{}) << "it grew: somebody has to look again";
  EXPECT_EQ(store_->acknowledge_alarm("t1", {raised.id, raised.newest.id, raised.since}, "ann").error().code,
            ErrorCode::not_found)
      << "what was seen is not what is there";
  acknowledge(worse);
  deliver(high("t"));
  EXPECT_NE(list().alarms.at(0).acked, WallTime{}) << "it only got less";
  deliver(event("tag.normal", "t"));
  EXPECT_TRUE(list().alarms.empty()) << "acknowledged and back to normal";

  deliver(high("t"));
  deliver(event("tag.normal", "t"));
  const auto returned = list();
  ASSERT_EQ(returned.alarms.size(), 1U);
  EXPECT_EQ(returned.alarms[0].cleared, clock_.wall());
  EXPECT_EQ(returned.unacknowledged, 0U) << "it is not there any more";
  deliver(high("t"));
  EXPECT_EQ(list().alarms.at(0).cleared, WallTime{});
  EXPECT_GT(list().alarms.at(0).since, returned.alarms[0].since);
  deliver(event("tag.normal", "t"));
  acknowledge(list().alarms.at(0));
  EXPECT_TRUE(list().alarms.empty());
  EXPECT_FALSE(store_->acknowledge_alarm("t1", {raised.id, raised.newest.id, raised.since}, "ann"));
}

TEST_F(AlarmTest, OneThatReturnedIsShownForADay) {
  deliver(high("t"));
  deliver(event("tag.normal", "t"));
  clock_.advance(23h);
  EXPECT_EQ(list().alarms.size(), 1U);
  clock_.advance(2h);
  EXPECT_TRUE(list().alarms.empty());
}

TEST_F(AlarmTest, KeepsTenantsGatewaysAssetsAndKindsApart) {
  deliver(high("t"));
  deliver(high("t"), "t1", "g2");
  deliver(high("t"), "t2");
  deliver(event("sensor.fault", "t", Severity::medium, {{"fault", "silent"}}));
  deliver(event("sensor.fault", "t", Severity::medium, {{"fault", "signal"}}));
  deliver(event("alarm.raised", "t", Severity::low, {{"rule", "hot"}}));
  EXPECT_EQ(list().alarms.size(), 5U);
  deliver(event("sensor.ok", "t", Severity::info, {{"fault", "silent"}}));
  deliver(event("tag.normal", "t"));
  std::vector<std::string> there;
  for (const AlarmRow& one : list().alarms)
    if (one.cleared == WallTime{}) there.push_back(one.id.gateway + " " + one.id.kind);
  EXPECT_EQ(there, (std::vector<std::string>{"g1 sensor signal", "g2 limit", "g1 rule hot"}));
  EXPECT_EQ(list("t2").alarms.size(), 1U);
  const auto theirs = list("t2").alarms.at(0);
  EXPECT_FALSE(store_->acknowledge_alarm("t1", {theirs.id, theirs.newest.id, theirs.since}, "ann"));
  EXPECT_EQ(list("t2").unacknowledged, 1U);
}

TEST_F(AlarmTest, AGatewayThatStartsAnewTellsWhatIsSoStill) {
  deliver(high("a"));
  deliver(high("b"));
  deliver(high("a"), "t1", "g2");
  deliver(event("gateway.started", "g1"));
  deliver(high("b"));
  const auto now = list().alarms;
  ASSERT_EQ(now.size(), 3U);
  EXPECT_EQ(now[0].id.asset + now[0].id.gateway, "bg1");
  EXPECT_EQ(now[1].id.asset + now[1].id.gateway, "ag2");
  EXPECT_NE(now[2].cleared, WallTime{});
}

TEST_F(AlarmTest, ARulesAlarmOutlivesARestartOfItsGateway_WhichEndsItItself) {
  auto raised = event("alarm.raised", "boiler"), cleared = event("alarm.cleared", "boiler");
  raised.evidence["rule"] = cleared.evidence["rule"] = "hot";
  deliver(raised);
  deliver(event("gateway.started", "g1"));
  ASSERT_EQ(list().alarms.size(), 1U);
  EXPECT_EQ(list().alarms[0].cleared, WallTime{});
  deliver(cleared);
  EXPECT_NE(list().alarms.at(0).cleared, WallTime{});
}

TEST_F(AlarmTest, IsUnsure_WhenEventsOfItsGatewayWereLost_UntilItIsToldAgain) {
  deliver(high("t"));
  deliver(LossRecord{.lane = Lane::urgent, .cause = "outbox.full"}, "t1", "g2");
  EXPECT_TRUE(list().alarms.at(0).sure);
  deliver(LossRecord{.lane = Lane::urgent, .cause = "outbox.full"});
  EXPECT_FALSE(list().alarms.at(0).sure);
  deliver(high("t"));
  EXPECT_TRUE(list().alarms.at(0).sure);
}

TEST_F(AlarmTest, KnowsAStationsCameraAndRejectorByItsSummaries) {
  StationSummary summary{.station = "line1", .from = clock_.wall(), .to = clock_.wall() + 1s};
  summary.actuator_up = true;
  deliver(summary);
  summary.from += 1s, summary.to += 1s;
  deliver(summary);
  const auto lost = list().alarms;
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].id.kind, "camera");
  EXPECT_EQ(lost[0].since, clock_.wall());
  acknowledge(lost[0]);
  summary.camera_up = true;
  deliver(summary);
  EXPECT_TRUE(list().alarms.empty());
}

// A model that is taken away ends an anomaly without a word; summaries of the backlog know nothing of a later one.
TEST_F(AlarmTest, AnAnomalyEndsWithASummaryThatKnowsOfNone) {
  const auto summary = [&](std::chrono::seconds from, bool alarm) {
    AssetSummary told{.asset = "motor1", .from = clock_.wall() + from, .to = clock_.wall() + from + 1s};
    told.alarm = alarm;
    deliver(told);
  };
  deliver(event("condition.anomaly", "motor1", Severity::high));
  summary(-60s, false);
  summary(0s, true);
  EXPECT_EQ(list().alarms.at(0).cleared, WallTime{});
  summary(1s, false);
  EXPECT_NE(list().alarms.at(0).cleared, WallTime{});
}

TEST_F(AlarmTest, AGatewayHasOnlySoMany_AndThatIsSaid) {
  IncomingBatch many{{"t1", "g1", Lane::urgent, "01890a5d-ac96-774b-bcce-b302099a8057", 1, {}, clock_.wall()}, 100};
  for (std::size_t i = 0; i < kAlarmsMax; ++i) many.batch.records.push_back({i + 1, high("t" + std::to_string(i))});
  ASSERT_TRUE(store_->commit({&many, 1}).has_value());
  sequences_["t1g1urgent"] = kAlarmsMax;
  EXPECT_FALSE(list().complete);
  deliver(event("tag.normal", "t7"));
  deliver(high("one more"));
  const auto all = queries_.alarms("t1", clock_.wall(), 10'000).value();
  EXPECT_EQ(all.alarms.size(), kAlarmsMax);
  EXPECT_EQ(all.alarms[0].id.asset, "one more") << "in the place of the one that returned";
  deliver(high("too many"));
  EXPECT_EQ(queries_.alarms("t1", clock_.wall(), 10'000).value().alarms.size(), kAlarmsMax);
  deliver(high("t9", "99"));
  EXPECT_EQ(queries_.alarms("t1", clock_.wall(), 1).value().alarms.size(), 1U);
}

TEST_F(AlarmTest, OutlivesItsEvents) {
  deliver(high("t"));
  deliver(high("over"));
  deliver(event("tag.normal", "over"));
  ASSERT_TRUE(store_->delete_older_than(clock_.wall() + 1h).has_value());
  const auto left = list().alarms;
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id.asset, "t");
}

}  // namespace
}  // namespace lineside::hub
