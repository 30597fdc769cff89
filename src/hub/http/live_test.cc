#include "hub/http/live.h"

#include <limits>

#include "hub/http/test_api.h"

namespace lineside::hub {
namespace {

class FakePage final : public LivePage {
 public:
  void send(const std::string& message) override { messages.push_back(json::parse(message)); }
  void close() override { closed = true; }
  std::vector<json> messages;
  bool closed = false;
};

class LiveTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    feed = std::make_unique<LiveFeed>(*board, *accounts, clock, metrics);
    page = std::make_shared<FakePage>();
    id = *feed->join(token_of("acme"), page);
  }
  void deliver_more(const std::string& tenant, std::uint64_t sequence) {
    StationSummary summary{.station = "line1", .from = clock.wall(), .to = clock.wall() + 1s, .items = 10};
    board->on_records(tenant, "gw1", Lane::bulk, std::vector<Record>{{sequence, summary}});
  }
  std::unique_ptr<LiveFeed> feed;
  std::shared_ptr<FakePage> page;
  std::uint64_t id = 0;
};

TEST_F(LiveTest, ABoardThatIsToldAnyNumber_StaysBoundedAndCountsOn) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max(), kLeast = std::numeric_limits<std::int64_t>::min();
  StationSummary wild{.station = "line1", .from = WallTime{nanoseconds{kLeast}}, .to = clock.wall() + 2s};
  wild.items = wild.rejected = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < 3; ++i) board->on_records("acme", "gw1", Lane::bulk, std::vector<Record>{{3, wild}});
  wild.to = WallTime{nanoseconds{kLeast}};  // far behind what is newest, again and again
  for (int i = 0; i < 2000; ++i) board->on_records("acme", "gw1", Lane::bulk, std::vector<Record>{{4, wild}});
  wild.to = WallTime{nanoseconds{kMost}};
  board->on_records("acme", "gw1", Lane::bulk, std::vector<Record>{{5, wild}});
  const auto stations = board->stations("acme");
  ASSERT_EQ(stations.size(), 1u);
  EXPECT_GE(stations[0].items_per_minute, 0);
  EXPECT_LE(stations[0].reject_share, 1);
}

TEST_F(LiveTest, ARejectThatWasNotEjected_ShowsForTheMinuteInWhichItHappened) {
  StationSummary summary{.station = "line1", .from = clock.wall() + 1s, .to = clock.wall() + 2s};
  summary.items = 10;
  summary.rejected = summary.actuation_failed = 2;
  summary.late = 1;
  board->on_records("acme", "gw1", Lane::bulk, std::vector<Record>{{3, summary}});
  EXPECT_EQ(board->stations("acme")[0].not_ejected, 2);
  EXPECT_EQ(board->stations("acme")[0].late, 1);
  StationSummary well{.station = "line1", .from = summary.to, .to = summary.to + 61s};
  board->on_records("acme", "gw1", Lane::bulk, std::vector<Record>{{4, well}});
  EXPECT_EQ(board->stations("acme")[0].not_ejected, 0);
  EXPECT_EQ(board->stations("acme")[0].late, 0);
}

TEST_F(LiveTest, TellsWhatWaitsAtAGateway_AndKeepsTheLastWord_WhenTheLinkGoes) {
  feed->tick();
  EXPECT_TRUE(page->messages.back()["gateways"][0]["waiting"].is_null()) << "it has not said";
  feed->answered(id);
  GatewayReport behind{.online = true};
  behind.waiting = std::array<GatewayReport::Waiting, 2>{{{3, 0.5}, {1200, 90.5}}};
  board->on_gateway_state("acme", "gw1", behind);
  board->on_gateway_state("acme", "gw1", {.online = false});
  feed->tick();
  const auto gateway = page->messages.back()["gateways"][0];
  EXPECT_FALSE(gateway["online"]);
  EXPECT_EQ(gateway["waiting"][1], (json{{"lane", "bulk"}, {"records", 1200}, {"oldest_s", 90.5}}));
  const auto listed = json::parse(ask("GET", "/api/v1/gateways", token_of("acme")).body)["gateways"][0];
  EXPECT_EQ(listed["waiting"], gateway["waiting"]);
}

TEST_F(LiveTest, SnapshotFirstThenOwnTenantsChangesOnly) {
  feed->tick();
  ASSERT_EQ(page->messages.size(), 1u);
  EXPECT_EQ(page->messages[0]["type"], "snapshot");
  EXPECT_EQ(page->messages[0]["stations"][0]["today"]["items"], 100);
  feed->answered(id);
  deliver_more("other", 3);
  feed->tick();
  EXPECT_EQ(page->messages.size(), 1u);
  deliver_more("acme", 3);
  feed->tick();
  ASSERT_EQ(page->messages.size(), 2u);
  EXPECT_EQ(page->messages[1]["type"], "update");
  EXPECT_EQ(page->messages[1]["stations"][0]["today"]["items"], 110);
}

TEST_F(LiveTest, PushesAMachinesNewestSummary_AndKeepsIt_WhenABacklogFillsInBehind) {
  const auto told = [&](std::uint64_t sequence, std::chrono::seconds ago, const std::string& state) {
    AssetSummary summary{
        .asset = "motor1", .from = clock.wall() - ago - 1s, .to = clock.wall() - ago, .mode = "scoring"};
    summary.state = state;
    summary.spectra = {{"x", "g", {10}, {0}, {0}, {1}}};
    board->on_records("acme", "gw1", Lane::bulk, std::vector<Record>{{sequence, summary}});
    feed->answered(id);
    feed->tick();
    return page->messages.back()["assets"];
  };
  const auto first = told(3, 0s, "1480 rpm");
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0]["asset"], "motor1");
  EXPECT_EQ(first[0]["state"], "1480 rpm");
  EXPECT_FALSE(first[0].contains("spectra"));
  EXPECT_TRUE(told(4, 60s, "a minute old").empty());
  ASSERT_EQ(board->assets("acme").size(), 1u);
  EXPECT_EQ(board->assets("acme")[0].newest.state, "1480 rpm");
  EXPECT_TRUE(board->assets("other").empty());
}

TEST_F(LiveTest, AMachineInAlarmIsToldWithThePriorityOfItsEvent_AndHowOftenItReports) {
  const auto summary = [&](std::uint64_t sequence, std::chrono::seconds at, std::chrono::seconds length, bool alarm) {
    AssetSummary told{
        .asset = "motor1", .from = clock.wall() + at - length, .to = clock.wall() + at, .mode = "scoring"};
    told.alarm = alarm;
    commit("acme", Lane::bulk, {{sequence, told}});
  };
  const auto event = [&](std::uint64_t sequence, Severity severity) {
    commit("acme", Lane::urgent,
           {{sequence, EventRecord{make_uuid(), "condition.anomaly", "motor1", severity, clock.wall(), "louder", {}}}});
  };
  const auto now = [&] { return board->assets("acme").at(0); };
  summary(3, 1s, 600s, false);
  EXPECT_EQ(now().period, 600s);
  EXPECT_EQ(now().severity, Severity::info);
  event(3, Severity::low);
  summary(4, 2s, 1s, true);
  EXPECT_EQ(now().severity, Severity::low);
  EXPECT_EQ(now().period, 600s) << "an event made it shorter";
  event(4, Severity::critical);
  EXPECT_EQ(now().severity, Severity::critical) << "it grew";
  feed->tick();
  EXPECT_EQ(page->messages.back()["assets"][0]["severity"], "critical");
  auto queries = Queries::open(folder / "hub.db");
  const auto again = std::move(*Board::load(*queries, clock));
  EXPECT_EQ(again->assets("acme").at(0).severity, Severity::critical) << "after the hub has started again, too";
  EXPECT_EQ(again->assets("acme").at(0).period, 600s);
  summary(5, 3s, 1s, false);
  EXPECT_EQ(now().severity, Severity::info) << "it ended";
}

TEST_F(LiveTest, ATenantsManyPagesKeepNobodyElseOut) {
  const auto acme = token_of("acme"), other = token_of("other");
  for (std::size_t i = 1; i < LiveFeed::kPagesMax; ++i) ASSERT_TRUE(feed->join(acme, std::make_shared<FakePage>()));
  EXPECT_FALSE(feed->join(acme, std::make_shared<FakePage>()));
  EXPECT_FALSE(page->closed);
  EXPECT_TRUE(feed->join(other, std::make_shared<FakePage>()));
  EXPECT_TRUE(page->closed) << "the oldest of those who have the most";
  EXPECT_FALSE(feed->join(acme, std::make_shared<FakePage>()));
}

TEST_F(LiveTest, AMachineIsKnown_AfterTheHubStartsAgain) {
  AssetSummary summary{.asset = "motor1", .from = clock.wall() - 1s, .to = clock.wall(), .mode = "scoring"};
  commit("acme", Lane::bulk, {{3, summary}});
  auto queries = Queries::open(folder / "hub.db");
  const auto again = Board::load(*queries, clock);
  ASSERT_TRUE(again) << to_string(again.error());
  ASSERT_EQ((*again)->assets("acme").size(), 1u);
  EXPECT_EQ((*again)->assets("acme")[0].newest.mode, "scoring");
  EXPECT_TRUE((*again)->take_changes().empty());
}

TEST_F(LiveTest, SlowPageHasTwoMessagesWaitingAtMostThenASnapshotThenIsDropped) {
  for (std::uint64_t i = 3; i < 13; ++i) {
    deliver_more("acme", i);
    feed->tick();
  }
  EXPECT_EQ(page->messages.size(), 2u);
  feed->answered(id);
  feed->tick();
  ASSERT_EQ(page->messages.size(), 3u);
  EXPECT_EQ(page->messages[2]["type"], "snapshot");
  EXPECT_EQ(page->messages[2]["stations"][0]["today"]["items"], 200);
  clock.advance(16s);
  feed->tick();
  EXPECT_TRUE(page->closed);
}

TEST_F(LiveTest, PageIsClosedWhenItsSessionEnds) {
  feed->tick();
  feed->answered(id);
  clock.advance(13h);
  feed->tick();
  EXPECT_TRUE(page->closed);
  EXPECT_FALSE(feed->join("no token", page));
}

}  // namespace
}  // namespace lineside::hub
