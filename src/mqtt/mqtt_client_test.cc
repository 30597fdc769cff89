#include "mqtt/mqtt_client.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "base/clock.h"
#include "base/test_hanging_names.h"
#include "mqtt/test_broker.h"

namespace lineside::mqtt {
namespace {

using namespace std::chrono_literals;

struct Deaf final : Handler {
  void on_connected() override { ++heard; }
  void on_disconnected(const std::string& why) override {
    if (heard == 0) first = why;
    ++heard;
  }
  std::string first;  // to be read once somebody heard
  std::atomic<int> heard{0};
};

bool eventually(auto&& condition) {
  for (int i = 0; i < 10'000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
  return condition();
}

TEST(MqttClient, IsDestroyedAtOnce_WhenTheNameServerHangs_AndTellsNobodyAfterwards) {
  Deaf handler;
  {
    const lineside::testing::NamesHang hang;
    auto client = Client::start({.broker = {.host = "broker.hangs.test", .tls = false}}, handler);
    ASSERT_TRUE(client);
    ASSERT_TRUE(eventually([&] { return (*client)->looking_up(); }));
    EXPECT_FALSE((*client)->publish("t", {}));
    const MonoTime before = system_clock().mono();
    client->reset();
    EXPECT_LT(system_clock().mono() - before, 1s);
  }
  EXPECT_EQ(handler.heard, 0);
}

TEST(MqttClient, EndsWithItsFirstConnection_WhenItShallNotReconnect) {
  Deaf handler;
  auto client = Client::start({.broker = {.port = 1, .tls = false}, .reconnect = false, .reconnect_min = 1ms}, handler);
  ASSERT_TRUE(client);
  ASSERT_TRUE(eventually([&] { return handler.heard > 0; }));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(handler.heard, 1);
}

TEST(MqttClient, CallsARefusedConnectionRefused_WithTlsToo) {
  for (const bool tls : {false, true}) {
    Deaf handler;
    auto client = Client::start({.broker = {.port = 1, .tls = tls}, .reconnect = false}, handler);
    ASSERT_TRUE(client);
    ASSERT_TRUE(eventually([&] { return handler.heard > 0; }));
    EXPECT_EQ(handler.first, "127.0.0.1:1: Connection refused");
  }
}

// Holds the network thread in its first message until told.
struct Busy final : Handler {
  void on_connected() override {}
  void on_disconnected(const std::string&) override {}
  void on_subscribed() override { subscribed = true; }
  void on_message(std::string_view, std::span<const std::uint8_t> payload) override {
    in_order = in_order && !payload.empty() && payload[0] == static_cast<std::uint8_t>(messages);
    ++messages;
    if (messages == 1) eventually([&] { return go_on.load(); });
  }
  void on_served() override { ++served; }
  std::atomic<bool> subscribed{false}, go_on{false}, in_order{true};
  std::atomic<int> messages{0}, served{0};
};

TEST(MqttClient, TakesWhatWaits_WithoutALookAtTheNetworkForEach) {
  constexpr int kMessages = 1000;
  const mqtt::testing::Broker broker("allow_anonymous true\nmax_queued_messages 0\n");
  if (!broker.there()) GTEST_SKIP() << "no mosquitto";
  Busy handler;
  Deaf talker;
  const ClientOptions options{.broker = {.port = broker.port(), .tls = false}};
  ClientOptions listening = options;
  listening.subscriptions = {"t"};
  const auto client = Client::start(listening, handler), publisher = Client::start(options, talker);
  ASSERT_TRUE(client && publisher);
  ASSERT_TRUE(eventually([&] { return handler.subscribed && (*publisher)->connected(); }));
  for (int i = 0; i < kMessages; ++i) {
    const std::array payload{static_cast<std::uint8_t>(i)};
    ASSERT_TRUE((*publisher)->publish("t", payload));
  }
  ASSERT_TRUE(eventually([&] { return handler.messages > 0; }));
  std::this_thread::sleep_for(200ms);  // the rest is on its way, or there
  const int before = handler.served;
  handler.go_on = true;
  ASSERT_TRUE(eventually([&] { return handler.messages == kMessages; }));
  EXPECT_LT(handler.served - before, kMessages / 4);
  EXPECT_TRUE(handler.in_order);
}

TEST(MqttClient, RefusesTlsFilesThatAreNotThere) {
  Deaf handler;
  const auto client = Client::start({.broker = {.ca_file = "/nowhere/ca.crt"}}, handler);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::file_not_found);
}

}  // namespace
}  // namespace lineside::mqtt
