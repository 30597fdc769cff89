#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/uuid.h"
#include "hub/http/api.h"
#include "hub/http/json_views.h"
#include "hub/http/live.h"
#include "hub/http/page_assets.h"
#include "hub/store/store.h"

namespace lineside::hub {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr const char* kPassword = "correct horse battery";

// Two tenants that use the same names for gateway and station, with different things in them.
class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Store::open(folder / "hub.db", clock, metrics);
    ASSERT_TRUE(opened) << to_string(opened.error());
    store = std::move(*opened);
    accounts = std::move(*Accounts::open(folder / "hub.db", clock, 12h));
    auto queries = Queries::open(folder / "hub.db");
    board = std::move(*Board::load(*queries, clock));
    store->add_listener(*board);
    context = std::make_unique<ApiContext>(ApiContext{*accounts, *board, clock, metrics});
    api = std::make_unique<Api>(*context, std::move(*queries));
    for (const char* tenant : {"acme", "other"}) {
      ASSERT_TRUE(accounts->add_tenant(tenant, tenant));
      ASSERT_TRUE(accounts->add_user(tenant, "ann", kPassword, "admin"));
    }
    deliver("acme", 100, "acme-label");
    deliver("other", 7, "other-label");
  }
  void TearDown() override {
    store->remove_listener(*board);
    fs::remove_all(folder);
  }

  void deliver(const std::string& tenant, std::uint64_t items, const std::string& label) {
    const auto now = clock.wall();
    StationSummary summary{.station = "line1", .from = now - 1s, .to = now, .items = items};
    summary.passed = items - 1;
    summary.rejected = 1;
    summary.raw_bytes = 1000 * items;
    summary.camera_up = summary.actuator_up = true;
    summary.deadline_ns = 50'000'000;
    summary.decision_latency = {{5'000'000, items - 1}, {60'000'000, 1}};
    VerdictRecord verdict{.station = "line1", .item = 5, .time = now, .score = 0.9F, .label = label};
    commit(tenant, Lane::bulk, {{1, summary}, {2, PictureRecord{"line1", 5, now, "thumbnail", {1, 2, 3}}}});
    commit(tenant, Lane::urgent,
           {{1, verdict},
            {2, EventRecord{make_uuid(), "camera.lost", "line1", Severity::high, now, label + " event", {}}}});
  }
  void commit(const std::string& tenant, Lane lane, std::vector<Record> records) {
    IncomingBatch batch{
        {tenant, "gw1", lane, "018f3c6e-0000-7000-8000-000000000001", 1, std::move(records), clock.wall()}, 500};
    const auto done = store->commit({&batch, 1});
    ASSERT_TRUE(done) << to_string(done.error());
    ASSERT_GT(done->front().stored, 0u);
  }

  Answer ask(const std::string& method, const std::string& path, const std::string& token = "",
             const std::string& body = "", const std::string& origin = "") {
    Request request{.method = method,
                    .path = path,
                    .query = {},
                    .token = token,
                    .origin = origin,
                    .host = "hub:8780",
                    .content_type = body.empty() ? "" : "application/json",
                    .body = body,
                    .peer = "10.0.0.1"};
    return api->handle(request);
  }
  std::string token_of(const std::string& tenant) {
    return accounts->sign_in(tenant, "ann", kPassword, "10.0.0.1")->token;
  }

  const fs::path folder = [] {
    const auto path = fs::temp_directory_path() / ("lineside-http-" + make_uuid());
    fs::create_directories(path);
    return path;
  }();
  ManualClock clock;
  MetricsRegistry metrics;
  std::unique_ptr<Store> store;
  std::unique_ptr<Accounts> accounts;
  std::unique_ptr<Board> board;
  std::unique_ptr<ApiContext> context;
  std::unique_ptr<Api> api;
};

TEST_F(ApiTest, TheBoardStaysBounded_WhenAGatewayMakesUpStations) {
  const auto now = clock.wall();
  std::vector<Record> summaries, rejects;
  for (std::uint64_t i = 1; i <= 20'100; ++i) {
    const auto name = "made-up-" + std::to_string(i);
    summaries.push_back({i, StationSummary{.station = name, .from = now - 1s, .to = now, .items = 1}});
    rejects.push_back({i, VerdictRecord{.station = name, .item = i, .time = now}});
  }
  board->on_records("acme", "gw1", Lane::bulk, summaries);
  board->on_records("acme", "gw1", Lane::urgent, rejects);
  EXPECT_EQ(board->stations("acme").size(), 20'000U);
  EXPECT_EQ(board->stations("other").size(), 1U);
  EXPECT_EQ(board->take_changes().at("acme").rejects.size(), 1000U);
}

TEST_F(ApiTest, NothingIsToldWithoutASession) {
  for (const char* path : {"/api/v1/me", "/api/v1/stations", "/api/v1/gateways", "/api/v1/events", "/api/v1/losses",
                           "/api/v1/stations/gw1/line1/series", "/api/v1/stations/gw1/nothing/series",
                           "/api/v1/pictures/gw1/bulk/1/2", "/api/v1/nothing"}) {
    const auto answer = ask("GET", path);
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_EQ(json::parse(answer.body)["code"], "auth.failed");
    EXPECT_EQ(answer.content_type, "application/problem+json");
  }
}

TEST_F(ApiTest, EachTenantSeesItsOwnOfTheSameNames) {
  const auto acme = token_of("acme"), other = token_of("other");
  const auto stations = json::parse(ask("GET", "/api/v1/stations", acme).body)["stations"];
  ASSERT_EQ(stations.size(), 1u);
  EXPECT_EQ(stations[0]["today"]["items"], 100);
  for (const char* path : {"/api/v1/stations", "/api/v1/gateways", "/api/v1/events", "/api/v1/losses",
                           "/api/v1/stations/gw1/line1/rejects", "/api/v1/stations/gw1/line1/series",
                           "/api/v1/stations/gw1/line1/latency"}) {
    const auto mine = ask("GET", path, acme), theirs = ask("GET", path, other);
    EXPECT_EQ(mine.status, 200) << path;
    EXPECT_EQ(theirs.status, 200) << path;
    EXPECT_FALSE(mine.body.contains("other")) << mine.body;
    EXPECT_FALSE(theirs.body.contains("acme")) << theirs.body;
  }
  EXPECT_EQ(json::parse(ask("GET", "/api/v1/gateways", other).body)["gateways"][0]["raw_bytes"], 7000);
}

TEST_F(ApiTest, WhatBelongsToAnotherLooksLikeWhatIsNotThere) {
  ASSERT_TRUE(accounts->add_tenant("empty", "empty"));
  ASSERT_TRUE(accounts->add_user("empty", "ann", kPassword, "viewer"));
  const auto token = token_of("empty");
  for (const auto& [theirs, nobodys] :
       {std::pair{"/api/v1/stations/gw1/line1/series", "/api/v1/stations/gw9/line9/series"},
        {"/api/v1/stations/gw1/line1/latency", "/api/v1/stations/gw9/line9/latency"},
        {"/api/v1/stations/gw1/line1/rejects", "/api/v1/stations/gw9/line9/rejects"},
        {"/api/v1/pictures/gw1/bulk/1/2", "/api/v1/pictures/gw9/bulk/1/2"}}) {
    const auto a = ask("GET", theirs, token), b = ask("GET", nobodys, token);
    EXPECT_EQ(a.status, 404) << theirs;
    EXPECT_EQ(a.body, b.body);
  }
  EXPECT_EQ(ask("GET", "/api/v1/stations", token).body, R"({"stations":[]})");
}

TEST_F(ApiTest, PictureIsGivenToItsTenant) {
  const auto rejects = json::parse(ask("GET", "/api/v1/stations/gw1/line1/rejects", token_of("acme")).body)["rejects"];
  ASSERT_EQ(rejects.size(), 1u);
  EXPECT_EQ(rejects[0]["label"], "acme-label");
  const auto picture = ask("GET", rejects[0]["picture"]["url"], token_of("acme"));
  EXPECT_EQ(picture.status, 200);
  EXPECT_EQ(picture.content_type, "image/jpeg");
  EXPECT_EQ(picture.body, "\x01\x02\x03");
}

TEST_F(ApiTest, LatencyHasQuantilesAndDeadline) {
  const auto latency = json::parse(ask("GET", "/api/v1/stations/gw1/line1/latency", token_of("acme")).body);
  EXPECT_EQ(latency["count"], 100);
  EXPECT_EQ(latency["p50_ms"], 5.0);
  EXPECT_EQ(latency["p99_ms"], 5.0);
  EXPECT_EQ(latency["p999_ms"], 60.0);
  EXPECT_EQ(latency["max_ms"], 60.0);
  EXPECT_EQ(latency["deadline_ms"], 50.0);
}

TEST_F(ApiTest, SignsInWithACookieThatScriptsAndOtherSitesDontGet) {
  const auto body = R"({"tenant":"acme","user":"ann","password":"correct horse battery"})";
  const auto answer = ask("POST", "/api/v1/session", "", body, "http://hub:8780");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto cookie = answer.headers.at(0).second;
  EXPECT_TRUE(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
  EXPECT_FALSE(cookie.contains("Secure"));
  Request over_tls{.method = "DELETE", .path = "/api/v1/session", .secure = true};
  EXPECT_TRUE(api->handle(over_tls).headers.at(0).second.starts_with("__Host-lineside=;"));
  EXPECT_TRUE(session_cookie("x", true, 1h).starts_with("__Host-lineside=x;"));
  EXPECT_TRUE(session_cookie("x", true, 1h).contains("; Secure"));
}

TEST_F(ApiTest, RefusesOtherSitesAndOddBodies) {
  const auto token = token_of("acme");
  const auto good = R"({"user":"ann","password":"x"})";
  EXPECT_EQ(ask("POST", "/api/v1/session", "", good, "http://evil.example").status, 403);
  EXPECT_EQ(ask("DELETE", "/api/v1/session", token, "", "null").status, 403);
  EXPECT_TRUE(accounts->session(token)) << "not signed out from elsewhere";
  for (const char* body : {"[]", "{", R"({"user":1,"password":"x"})", R"({"user":"ann","password":"x","more":"y"})"})
    EXPECT_EQ(ask("POST", "/api/v1/session", "", body).status, 400) << body;
  EXPECT_EQ(ask("POST", "/api/v1/session", "", std::string(20'000, ' ')).status, 400);
  EXPECT_EQ(ask("POST", "/api/v1/session").status, 400) << "not JSON";
}

TEST_F(ApiTest, TellsHowLongToWaitAfterWrongPasswords) {
  Answer answer;
  for (int i = 0; i < 6; ++i)
    answer = ask("POST", "/api/v1/session", "", R"({"tenant":"acme","user":"ann","password":"wrong"})");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.headers.at(0).first, "Retry-After");
}

TEST_F(ApiTest, RefusesNumbersOutOfRange) {
  const auto token = token_of("acme");
  for (const char* minutes : {"0", "-1", "99999", "1e3", "", "abc"}) {
    Request request{
        .method = "GET", .path = "/api/v1/stations/gw1/line1/series", .query = {{"minutes", minutes}}, .token = token};
    EXPECT_EQ(api->handle(request).status, 400) << minutes;
  }
}

TEST_F(ApiTest, MetricsNeedTheirToken_WhereverTheRequestComesFrom) {
  Request request{.method = "GET", .path = "/metrics", .peer = "127.0.0.1"};
  EXPECT_EQ(api->handle(request).status, 403) << "no token is set: not served";
  context->metrics_token = "secret";
  EXPECT_EQ(ask("GET", "/metrics", token_of("acme")).status, 401);
  for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer secreT", "Bearer secret2", "Basic secret", "secret"}) {
    request.authorization = wrong;
    EXPECT_EQ(api->handle(request).status, 401) << wrong;
  }
  request.authorization = "Bearer secret";
  EXPECT_EQ(api->handle(request).status, 200);
}

class FakePage final : public LivePage {
 public:
  void send(const std::string& message) override { messages.push_back(json::parse(message)); }
  void close() override { closed = true; }
  std::vector<json> messages;
  bool closed = false;
};

// A machine of "acme", with an event; "other" has none.
class AssetApiTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    context->store = store.get();
    ASSERT_TRUE(accounts->add_user("acme", "vera", kPassword, "viewer"));
    AssetSummary motor{.asset = "motor 1", .from = clock.wall() - 10s, .to = clock.wall(), .mode = "scoring"};
    motor.windows = 10, motor.score_mean = 1, motor.score_max = 2, motor.threshold = 3;
    motor.features = {{"x rms", 2.5F}};
    motor.spectra = {{"x", "g", {5}, {1}, {2}, {3}}};
    commit("acme", Lane::bulk, {{3, motor}});
    commit("acme", Lane::urgent,
           {{3, EventRecord{"e1", "condition.anomaly", "motor 1", Severity::high, clock.wall(), "louder", {}}}});
  }
  Answer judge(const std::string& token, const std::string& event, const std::string& judgement,
               const std::string& origin = "http://hub:8780") {
    const json body{{"event_id", event}, {"judgement", judgement}, {"note", "seen"}};
    return ask("POST", "/api/v1/assets/gw1/motor%201/feedback", token, body.dump(), origin);
  }
};

TEST_F(AssetApiTest, TellsTheMachinesOfItsOwnTenantOnly) {
  const auto acme = token_of("acme"), other = token_of("other");
  const auto list = json::parse(ask("GET", "/api/v1/assets", acme).body)["assets"];
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0]["asset"], "motor 1");
  EXPECT_TRUE(json::parse(ask("GET", "/api/v1/assets", other).body)["assets"].empty());
  const auto one = json::parse(ask("GET", "/api/v1/assets/gw1/motor%201", acme).body);
  EXPECT_EQ(one["features"][0]["name"], "x rms");
  EXPECT_EQ(one["spectra"].size(), 1U);
  EXPECT_EQ(json::parse(ask("GET", "/api/v1/assets/gw1/motor%201/series", acme).body)["points"].size(), 1U);
  EXPECT_EQ(json::parse(ask("GET", "/api/v1/assets/gw1/motor%201/events", acme).body)["events"][0]["id"], "e1");
  for (const char* path :
       {"/api/v1/assets/gw1/motor%201", "/api/v1/assets/gw1/motor%201/series", "/api/v1/assets/gw1/motor%201/events"})
    EXPECT_EQ(ask("GET", path, other).status, 404) << path;
  EXPECT_EQ(ask("GET", "/api/v1/assets").status, 401);
  EXPECT_EQ(ask("GET", "/api/v1/assets/gw1/motor%201/nothing", acme).status, 404);
  EXPECT_EQ(ask("GET", "/api/v1/assets/gw1", acme).status, 404);
}

TEST_F(AssetApiTest, TakesWhatAnAdminSaysOfAnEvent_AndOfNothingElse) {
  const auto ann = token_of("acme"), vera = accounts->sign_in("acme", "vera", kPassword, "10.0.0.1")->token;
  EXPECT_EQ(judge(ann, "e1", "fault").status, 204);
  const auto events = json::parse(ask("GET", "/api/v1/assets/gw1/motor%201/events", ann).body)["events"];
  ASSERT_EQ(events[0]["feedback"].size(), 1U);
  EXPECT_EQ(events[0]["feedback"][0]["judgement"], "fault");
  EXPECT_EQ(events[0]["feedback"][0]["user"], "ann");
  EXPECT_EQ(judge(vera, "e1", "fault").status, 403);
  EXPECT_EQ(judge(token_of("other"), "e1", "fault").status, 404);
  EXPECT_EQ(judge(ann, "e1", "perhaps").status, 400);
  EXPECT_EQ(judge(ann, "e9", "normal").status, 404);
  EXPECT_EQ(judge(ann, "e1", "normal", "http://elsewhere").status, 403);
  EXPECT_EQ(judge("", "e1", "normal").status, 401);
}

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

TEST(SameOrigin, ComparesHostAndPort) {
  EXPECT_TRUE(same_origin("", "hub:8780"));
  EXPECT_TRUE(same_origin("https://hub:8780", "hub:8780"));
  EXPECT_FALSE(same_origin("https://hub", "hub:8780"));
  EXPECT_FALSE(same_origin("null", "hub:8780"));
  EXPECT_FALSE(same_origin("https://hub:8780.evil.example", "hub:8780"));
}

TEST(PageAssets, ViewsGetTheIndexAndMissingFilesNothing) {
  ASSERT_NE(find_page_asset("/"), nullptr);
  EXPECT_EQ(find_page_asset("/stations/gw1/line.1"), find_page_asset("/"));
  EXPECT_EQ(find_page_asset("/assets/nothing.js"), nullptr);
  EXPECT_EQ(find_page_asset("/favicon.ico"), nullptr);
}

TEST(JsonViews, SurvivesBytesThatAreNoText) {
  const std::vector<EventRow> events{{"gw", {"id", "t", "a", Severity::info, {}, "bad \xff\xfe", {}}}};
  EXPECT_TRUE(json::accept(events_json(events)));
}

TEST(DecodeSegment, DecodesAndLeavesOddOnesAlone) {
  EXPECT_EQ(decode_segment("line%201"), "line 1");
  EXPECT_EQ(decode_segment("a%zz%2"), "a%zz%2");
}

}  // namespace
}  // namespace lineside::hub
