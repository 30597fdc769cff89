#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/test_folder.h"
#include "hub/http/api.h"
#include "hub/store/store.h"
#include "telemetry/tag_stream.h"

namespace lineside::hub {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr const char* kPassword = "correct horse battery";

// Ten readings of a tag with an odd name, the last one bad.
class TagApi : public ::testing::Test {
 protected:
  TagApi() {
    for (const char* tenant : {"acme", "other"}) {
      EXPECT_TRUE(accounts_->add_tenant(tenant, tenant));
      EXPECT_TRUE(accounts_->add_user(tenant, "ann", kPassword, "admin"));
    }
    context_.tags = &desk_;
    store_->add_listener(*board_);
    deliver();
  }
  ~TagApi() override { store_->remove_listener(*board_); }

  void deliver() {
    telemetry::StreamEncoder encoder({{{.name = kTag, .unit = "°C", .bound = 0.5}}});
    telemetry::GroupRows rows{.times = {}, .readings = {{}}};
    for (int i = 0; i < 10; ++i) {
      rows.times.push_back(ms_of(clock_.wall()) - 10'000 + i * 1000);
      rows.readings[0].push_back({.value = 20.0 + i, .state = telemetry::Reading::State::good});
    }
    rows.readings[0].back() = {.state = telemetry::Reading::State::bad};
    auto coded = encoder.encode({&rows, 1}).value();
    TagBlock block{.stream = "boiler", .generation = 1, .from = clock_.wall() - 10s, .to = clock_.wall() - 1s};
    block.rows = block.samples = 10;
    block.check = coded.check;
    block.bytes = coded.bytes;
    block.plan = coded.plan;
    const IncomingBatch batch{
        {"acme", "gw1", Lane::bulk, "018f3c6e-0000-7000-8000-000000000001", 1, {{1, block}}, clock_.wall()}, 500};
    ASSERT_TRUE(store_->commit({&batch, 1}).has_value());
  }
  static std::int64_t ms_of(WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }
  Answer ask(const std::string& tenant, const std::string& path, std::map<std::string, std::string> query = {}) {
    Request request{.method = "GET", .path = path, .query = std::move(query), .host = "hub:8780", .peer = "10.0.0.1"};
    request.token = accounts_->sign_in(tenant, "ann", kPassword, "10.0.0.1")->token;
    return api_.handle(request);
  }

  static constexpr const char* kTag = "boiler/Vorlauf °1 & more";
  TestFolder folder_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  std::unique_ptr<Store> store_ = Store::open(folder_ / "hub.db", clock_, metrics_).value();
  std::unique_ptr<Accounts> accounts_ = Accounts::open(folder_ / "hub.db", clock_, 12h).value();
  Queries queries_ = Queries::open(folder_ / "hub.db").value();
  std::unique_ptr<Board> board_ = Board::load(queries_, clock_).value();
  TagDesk desk_{clock_};
  ApiContext context_{*accounts_, *board_, clock_, metrics_};
  Api api_{context_, Queries::open(folder_ / "hub.db").value()};
};

TEST_F(TagApi, GivesTheNewestReadingOfEachTag) {
  const auto answer = json::parse(ask("acme", "/api/v1/tags/gw1").body);
  ASSERT_EQ(answer["tags"].size(), 1U);
  const auto& tag = answer["tags"][0];
  EXPECT_EQ(tag["tag"], kTag);
  EXPECT_EQ(tag["unit"], "°C");
  EXPECT_EQ(tag["quality"], "bad");
  EXPECT_TRUE(tag["value"].is_null());
  EXPECT_EQ(tag["time"], to_rfc3339(clock_.wall() - 1s));
  ASSERT_EQ(tag["trend"].size(), 10U);
  EXPECT_NEAR(tag["trend"][3].get<double>(), 23, 0.5);
  EXPECT_TRUE(tag["trend"][9].is_null());
  EXPECT_EQ(answer["complete"], true);
  ASSERT_EQ(board_->gateways("acme").size(), 1U);
  EXPECT_TRUE(board_->gateways("acme")[0].has_tags);
  EXPECT_TRUE(Board::load(queries_, clock_).value()->gateways("acme")[0].has_tags);
}

TEST_F(TagApi, GivesThePageThatIsAskedFor) {
  const auto all = json::parse(ask("acme", "/api/v1/tags/gw1").body);
  EXPECT_EQ(all["found"], 1);
  EXPECT_TRUE(all["next"].is_null());
  EXPECT_EQ(json::parse(ask("acme", "/api/v1/tags/gw1", {{"find", "VORLAUF"}}).body)["tags"].size(), 1U);
  EXPECT_EQ(json::parse(ask("acme", "/api/v1/tags/gw1", {{"find", "nothing"}}).body)["found"], 0);
  EXPECT_TRUE(json::parse(ask("acme", "/api/v1/tags/gw1", {{"after", kTag}}).body)["tags"].empty());
  for (const char* limit : {"0", "2001", "x"})
    EXPECT_EQ(ask("acme", "/api/v1/tags/gw1", {{"limit", limit}}).status, 400) << limit;
}

TEST_F(TagApi, GivesReadingsBetweenTwoTimes) {
  const auto from = std::to_string(ms_of(clock_.wall()) - 8000), to = std::to_string(ms_of(clock_.wall()) - 5000);
  const auto some =
      json::parse(ask("acme", "/api/v1/tags/gw1/history", {{"tag", kTag}, {"from_ms", from}, {"to_ms", to}}).body);
  ASSERT_EQ(some["points"].size(), 4U);
  EXPECT_NEAR(some["points"][0]["value"].get<double>(), 22, 0.5);
  EXPECT_EQ(some["max_error"], 0.5);
  const auto all = json::parse(ask("acme", "/api/v1/tags/gw1/history", {{"tag", kTag}}).body);
  EXPECT_EQ(all["points"].size(), 10U);
  EXPECT_EQ(ask("acme", "/api/v1/tags/gw1/history", {{"tag", kTag}, {"from_ms", "-1"}}).status, 400);
  EXPECT_EQ(ask("acme", "/api/v1/tags/gw1/history", {{"tag", "nothing"}}).status, 404);
  EXPECT_EQ(ask("acme", "/api/v1/tags/gw1/history").status, 404);
  EXPECT_EQ(ask("acme", "/api/v1/tags/gw1/more").status, 404);
}

TEST_F(TagApi, QuestionsAboutTagsAreKnownByTheirPath) {
  for (const char* path : {"/api/v1/tags/gw1", "/api/v1/tags/gw1/history", "/api/v1/%74ags/gw1", "/api/v1/tags"})
    EXPECT_TRUE(asks_for_tags(path)) << path;
  for (const char* path : {"/api/v1/", "/api/v1/gateways", "/api/v1/tagsx/gw1", "/healthz", "/api/v1//tags"})
    EXPECT_FALSE(asks_for_tags(path)) << path;
  EXPECT_EQ(ask("acme", "/api/v1/").status, 404);
}

TEST_F(TagApi, AnotherTenantSeesNothing) {
  EXPECT_TRUE(json::parse(ask("other", "/api/v1/tags/gw1").body)["tags"].empty());
  EXPECT_EQ(ask("other", "/api/v1/tags/gw1/history", {{"tag", kTag}}).status, 404);
  EXPECT_EQ(api_.handle({.method = "GET", .path = "/api/v1/tags/gw1"}).status, 401);
}

}  // namespace
}  // namespace lineside::hub
