#include "hub/http/json_views.h"
#include "hub/http/page_assets.h"
#include "hub/http/test_api.h"

namespace lineside::hub {
namespace {

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

// A tag of "acme" is too high.
class AlarmApiTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    context->store = store.get();
    ASSERT_TRUE(accounts->add_user("acme", "vera", kPassword, "viewer"));
    EventRecord event{"e1", "tag.high", "tank/level", Severity::medium, clock.wall(), "tank/level is high", {}};
    event.evidence = {{"value", "9.5"}, {"unit", "m"}, {"limit", "9"}};
    commit("acme", Lane::urgent, {{3, event}});
  }
  json alarms(const std::string& token) { return json::parse(ask("GET", "/api/v1/alarms", token).body)["alarms"]; }
  Answer acknowledge(const std::string& token, json seen, const std::string& origin = "http://hub:8780") {
    json body;
    for (const char* field : {"gateway", "asset", "kind", "event_id", "since"}) body[field] = seen[field];
    return ask("POST", "/api/v1/alarms/acknowledge", token, body.dump(), origin);
  }
};

TEST_F(AlarmApiTest, TellsATenantItsAlarms) {
  const auto ann = token_of("acme");
  const auto list = json::parse(ask("GET", "/api/v1/alarms", ann).body);
  ASSERT_EQ(list["alarms"].size(), 1U);
  const auto& alarm = list["alarms"][0];
  EXPECT_EQ(alarm["asset"], "tank/level");
  EXPECT_EQ(alarm["priority"], "medium");
  EXPECT_EQ(alarm["state"], "unacknowledged");
  EXPECT_EQ(alarm["value"], "9.5");
  EXPECT_EQ(alarm["unit"], "m");
  EXPECT_EQ(alarm["since"], to_rfc3339(clock.wall()));
  EXPECT_TRUE(alarm["cleared"].is_null());
  EXPECT_EQ(list["active"], (json{{"critical", 0}, {"high", 0}, {"medium", 1}, {"low", 0}}));
  EXPECT_EQ(list["complete"], true);
  EXPECT_TRUE(alarms(token_of("other")).empty());
  EXPECT_EQ(ask("GET", "/api/v1/alarms").status, 401);
  EXPECT_EQ(ask("GET", "/api/v1/alarms/nothing", ann).status, 404);
}

TEST_F(AlarmApiTest, AnAdminAcknowledges_WhatIsThere_InItsOwnTenant) {
  const auto ann = token_of("acme"), vera = accounts->sign_in("acme", "vera", kPassword, "10.0.0.1")->token;
  const auto seen = alarms(ann).at(0);
  EXPECT_EQ(acknowledge(vera, seen).status, 403);
  EXPECT_EQ(acknowledge("", seen).status, 401);
  EXPECT_EQ(acknowledge(ann, seen, "http://elsewhere").status, 403);
  const auto theirs = acknowledge(token_of("other"), seen);
  auto nobodys = seen;
  nobodys["asset"] = "nothing";
  EXPECT_EQ(theirs.status, 404);
  EXPECT_EQ(theirs.body, acknowledge(ann, nobodys).body);
  auto odd = seen;
  odd["since"] = "yesterday";
  EXPECT_EQ(acknowledge(ann, odd).status, 400);
  EXPECT_EQ(alarms(ann).at(0)["state"], "unacknowledged");
  EXPECT_EQ(acknowledge(ann, seen).status, 204);
  EXPECT_EQ(alarms(ann).at(0)["state"], "acknowledged");
  EXPECT_EQ(alarms(ann).at(0)["acknowledged_by"], "ann");
}

TEST_F(AlarmApiTest, NobodyAcknowledges_WhenItCantBeWrittenDown) {
  const auto ann = token_of("acme");
  const auto seen = alarms(ann).at(0);
  fs::remove_all(folder / "audit");
  ASSERT_TRUE(write_atomically(folder / "audit", std::string_view("no folder")));
  DeedLog damaged(folder, clock);
  context->deeds = &damaged;
  const auto answer = acknowledge(ann, seen);
  EXPECT_EQ(answer.status, 500) << answer.body;
  EXPECT_EQ(alarms(ann).at(0)["state"], "unacknowledged");
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
