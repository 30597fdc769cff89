#include "mqtt/mqtt_client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/clock.h"
#include "base/test_hanging_names.h"

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
    const testing::NamesHang hang;
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

TEST(MqttClient, RefusesTlsFilesThatAreNotThere) {
  Deaf handler;
  const auto client = Client::start({.broker = {.ca_file = "/nowhere/ca.crt"}}, handler);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::file_not_found);
}

}  // namespace
}  // namespace lineside::mqtt
