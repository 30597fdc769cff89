#pragma once
// For the tests of the HTTP interface: a store, accounts and a board behind an Api.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/uuid.h"
#include "hub/http/api.h"
#include "hub/store/store.h"

namespace lineside::hub {

using namespace std::chrono_literals;
using nlohmann::json;

inline constexpr const char* kPassword = "correct horse battery";

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
    deeds = std::make_unique<DeedLog>(folder, clock);
    context->deeds = deeds.get();
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
  std::unique_ptr<DeedLog> deeds;
  std::unique_ptr<ApiContext> context;
  std::unique_ptr<Api> api;
};

}  // namespace lineside::hub
