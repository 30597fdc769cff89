#include "opcua/session.h"

#include <gtest/gtest.h>

#include "opcua/server.h"
#include "opcua/test_opcua.h"

namespace lineside::opcua {
namespace {

using namespace std::chrono_literals;
using testing::Taker;

constexpr std::uint32_t kBadSensorFailure = 0x808C'0000U;

class SessionTest : public ::testing::Test {
 protected:
  void serve() {
    auto started = Server::start(server_options_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  void set(const std::string& node, const ServerValue& value, WallTime time = WallTime{1000s},
           std::uint32_t status = 0) {
    const auto done = server_->set(node, value, time, status);
    ASSERT_TRUE(done) << done.error().message;
  }
  void connect(const std::vector<std::string>& nodes, std::uint32_t queue = 100) {
    std::vector<Item> items;
    for (const auto& node : nodes) items.push_back({.node = "ns=1;s=" + node, .queue = queue});
    options_.server.endpoint = std::format("opc.tcp://127.0.0.1:{}", server_options_.port);
    auto started = Session::start(options_, items, taker_);
    ASSERT_TRUE(started) << started.error().message;
    session_ = std::move(*started);
  }

  ServerOptions server_options_{.port = free_port()};
  SessionOptions options_{.publishing = {.interval = 20ms, .keep_alive = 10},
                          .answer_max = 1500ms,
                          .reconnect_min = 50ms,
                          .reconnect_max = 500ms,
                          .retry_items = 500ms};
  std::unique_ptr<Server> server_;
  Taker taker_;
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, BringsArraysAndScalarsWithTimesAndStatus) {
  serve();
  set("doubles", std::vector<double>{1.5, -2.5});
  set("floats", std::vector<float>{0.5F, 3});
  set("shorts", std::vector<std::int16_t>{-7, 8, 9});
  set("ints", std::vector<std::int32_t>{100'000, -100'000});
  set("scalar", 4.25);
  set("text", std::string("on"));
  set("broken", 1.0, WallTime{2000s}, kBadSensorFailure);
  connect({"doubles", "floats", "shorts", "ints", "scalar", "text", "broken"});
  ASSERT_TRUE(taker_.wait([&] { return taker_.values.size() == 7; }));
  auto& values = taker_.values;
  EXPECT_EQ(values[0][0].numbers, (std::vector<double>{1.5, -2.5}));
  EXPECT_EQ(values[0][0].type, "Double");
  EXPECT_TRUE(values[0][0].array);
  EXPECT_EQ(values[0][0].source_time, WallTime{1000s});
  EXPECT_GT(values[0][0].server_time, WallTime{1'600'000'000s});
  EXPECT_TRUE(values[0][0].good());
  EXPECT_EQ(values[1][0].numbers, (std::vector<double>{0.5, 3}));
  EXPECT_EQ(values[2][0].numbers, (std::vector<double>{-7, 8, 9}));
  EXPECT_EQ(values[2][0].type, "Int16");
  EXPECT_EQ(values[3][0].numbers, (std::vector<double>{100'000, -100'000}));
  EXPECT_EQ(values[4][0].numbers, (std::vector<double>{4.25}));
  EXPECT_FALSE(values[4][0].array);
  EXPECT_EQ(values[5][0].text, "on");
  EXPECT_TRUE(values[6][0].bad());
  EXPECT_EQ(status_name(values[6][0].status), "BadSensorFailure");
  EXPECT_EQ(values[6][0].source_time, WallTime{2000s});
}

TEST_F(SessionTest, BringsEveryChangeInOrder) {
  serve();
  set("x", std::vector<double>{0});
  connect({"x"});
  ASSERT_TRUE(taker_.wait([&] { return taker_.values[0].size() == 1; }));
  for (int i = 1; i <= 50; ++i) set("x", std::vector<double>{static_cast<double>(i)}, WallTime{1000s + i * 1ms});
  ASSERT_TRUE(taker_.wait([&] { return taker_.values[0].size() == 51; }));
  for (int i = 0; i <= 50; ++i) EXPECT_EQ(taker_.values[0][static_cast<std::size_t>(i)].numbers[0], i);
}

TEST_F(SessionTest, SaysWhenTheServersQueueOverflowed) {
  serve();
  set("x", 0.0);
  options_.publishing.interval = 1s;
  connect({"x"}, 3);
  ASSERT_TRUE(taker_.wait([&] { return taker_.values[0].size() == 1; }));
  for (int i = 1; i <= 20; ++i) set("x", static_cast<double>(i), WallTime{1000s + i * 1ms});
  ASSERT_TRUE(taker_.wait([&] { return taker_.last(0) == 20; }));
  EXPECT_TRUE(std::ranges::any_of(taker_.values[0], &DataValue::overflow));
}

TEST_F(SessionTest, WatchesTheRest_WhenOneNodeOfAHundredIsMissing) {
  server_options_.items_per_call_max = 30;  // more than one call, and a smaller one than we begin with
  serve();
  std::vector<std::string> nodes;
  for (int i = 0; i < 100; ++i) {
    nodes.push_back(std::format("n{}", i));
    if (i != 37) set(nodes.back(), static_cast<double>(i));
  }
  connect(nodes);
  ASSERT_TRUE(taker_.wait([&] { return taker_.values.size() == 99 && taker_.item_errors.size() == 1; }));
  const std::string why = taker_.look([&] { return taker_.item_errors[37]; });
  EXPECT_TRUE(why.contains("BadNodeIdUnknown")) << why;
  set("n37", 37.0);
  EXPECT_TRUE(taker_.wait([&] { return taker_.values.size() == 100; })) << "a node that comes later is found";
  EXPECT_TRUE(taker_.look([&] { return taker_.errors.empty(); }));
}

TEST_F(SessionTest, SaysWhichTextIsNoNode) {
  serve();
  options_.server.endpoint = server_->url();
  auto started = Session::start(options_, {{.node = "nonsense"}}, taker_);
  ASSERT_TRUE(started);
  session_ = std::move(*started);
  ASSERT_TRUE(taker_.wait([&] { return taker_.item_errors.size() == 1; }));
  EXPECT_TRUE(taker_.item_errors[0].contains("'nonsense' is no node"));
}

TEST_F(SessionTest, GoesOnAfterTheServersRestart) {
  serve();
  set("x", 1.0);
  connect({"x"});
  ASSERT_TRUE(taker_.wait([&] { return taker_.ups == 1 && taker_.values[0].size() == 1; }));
  server_.reset();
  ASSERT_TRUE(taker_.wait([&] { return !taker_.errors.empty(); }));
  EXPECT_FALSE(session_->connected());
  serve();
  set("x", 2.0, WallTime{1001s});
  EXPECT_TRUE(taker_.wait([&] { return taker_.ups == 2 && taker_.last(0) == 2; }, 10s));
  EXPECT_TRUE(session_->connected());
}

TEST_F(SessionTest, BeginsAnew_WhenTheServerFallsSilent) {
  serve();
  set("x", 1.0);
  connect({"x"});
  ASSERT_TRUE(taker_.wait([&] { return taker_.ups == 1; }));
  server_->freeze(true);
  ASSERT_TRUE(taker_.wait([&] { return !taker_.errors.empty(); })) << "the TCP connection is still there";
  server_->freeze(false);
  set("x", 3.0, WallTime{1002s});
  EXPECT_TRUE(taker_.wait([&] { return taker_.ups >= 2 && taker_.last(0) == 3; }));
}

TEST_F(SessionTest, StaysConnected_WhenNothingChanges) {
  serve();
  set("x", 1.0);
  options_.publishing = {.interval = 20ms, .keep_alive = 5};
  connect({"x"});
  ASSERT_TRUE(taker_.wait([&] { return taker_.ups == 1; }));
  EXPECT_FALSE(taker_.wait([&] { return !taker_.errors.empty(); }, 3s)) << "keep-alives are signs of life";
}

TEST_F(SessionTest, StopsAtOnce_WhateverTheServerDoes) {
  serve();
  set("x", 1.0);
  connect({"x"});
  ASSERT_TRUE(taker_.wait([&] { return taker_.ups == 1; }));
  server_->freeze(true);
  const auto begin = std::chrono::steady_clock::now();
  session_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  connect({"x"});  // the frozen server takes the connection and no more
  std::this_thread::sleep_for(200ms);
  const auto again = std::chrono::steady_clock::now();
  session_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - again, 3s);
}

TEST_F(SessionTest, TellsWhatTypeReallyCame) {
  serve();
  set("x", std::vector<double>{1});
  connect({"x"});
  ASSERT_TRUE(taker_.wait([&] { return taker_.values[0].size() == 1; }));
  set("x", std::string("garbage"), WallTime{1001s});
  ASSERT_TRUE(taker_.wait([&] { return taker_.values[0].size() == 2; }));
  EXPECT_EQ(taker_.values[0][1].type, "String");
  EXPECT_TRUE(taker_.values[0][1].numbers.empty());
}

TEST_F(SessionTest, SaysWhoIsNotThere) {
  connect({"x"});
  ASSERT_TRUE(taker_.wait([&] { return taker_.errors.size() >= 2; })) << "it keeps trying";
  session_.reset();
  EXPECT_EQ(taker_.errors[0].code, ErrorCode::opcua_unreachable);
  EXPECT_TRUE(taker_.errors[0].message.contains("127.0.0.1")) << taker_.errors[0].message;
}

}  // namespace
}  // namespace lineside::opcua
