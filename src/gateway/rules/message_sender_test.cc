#include "gateway/rules/message_sender.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "mqtt/mqtt_client.h"
#include "mqtt/test_broker.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

// Hears what is said at the broker below alarms/.
class Listener final : private mqtt::Handler {
 public:
  explicit Listener(int port) {
    mqtt::ClientOptions options;
    options.broker = {.host = "127.0.0.1", .port = port, .tls = false};
    options.subscriptions = {"alarms/#"};
    options.reconnect_min = options.reconnect_max = 50ms;
    client_ = mqtt::Client::start(options, *this).value();
  }
  ~Listener() override { client_.reset(); }
  bool listens() {
    const std::lock_guard lock(mutex_);
    return listens_;
  }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void on_connected() override {}
  void on_subscribed() override {
    const std::lock_guard lock(mutex_);
    listens_ = true;
  }
  void on_disconnected(const std::string&) override {
    const std::lock_guard lock(mutex_);
    listens_ = false;
  }
  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override {
    const std::lock_guard lock(mutex_);
    heard_.push_back(std::string(topic) + " " + std::string(payload.begin(), payload.end()));
  }
  std::mutex mutex_;
  bool listens_ = false;
  std::vector<std::string> heard_;
  std::unique_ptr<mqtt::Client> client_;
};

class MessageSenderTest : public ::testing::Test {
 protected:
  MessageSenderTest() {
    config::TagSourceSettings source;
    source.name = "rooms";
    source.kind = config::TagSourceSettings::Kind::mqtt;
    source.at.port = broker_.port();
    source.reconnect_min = source.reconnect_max = 50ms;
    EXPECT_TRUE(sender_.add(source));
  }
  void put(const std::string& payload, nanoseconds ttl) {
    sender_.put({.rule = "hot", .broker = "rooms", .topic = "alarms/hot", .payload = payload, .ttl = ttl});
  }
  template <class Ready>
  bool wait(Ready ready) {
    for (int i = 0; i < 2000 && !ready(); ++i) {
      sender_.look_after();
      std::this_thread::sleep_for(10ms);
    }
    return ready();
  }
  bool counted(const std::string& line) const { return metrics_.prometheus_text().contains(line); }

  mqtt::testing::Broker broker_;
  MetricsRegistry metrics_;
  MessageSender sender_{metrics_, system_clock()};
};

TEST_F(MessageSenderTest, SendsOnceTheBrokerIsThere) {
  if (!broker_.there()) GTEST_SKIP() << "no mosquitto";
  Listener listener(broker_.port());
  ASSERT_TRUE(wait([&] { return listener.listens(); }));
  put("1", 60s);
  put("2", 60s);
  ASSERT_TRUE(wait([&] { return counted("lineside_rules_published_total 2\n"); }));
  ASSERT_TRUE(wait([&] { return listener.heard().size() == 2; }));
  EXPECT_EQ(listener.heard(), (std::vector<std::string>{"alarms/hot 1", "alarms/hot 2"}));
  EXPECT_EQ(sender_.unsent(), 0U);
}

TEST_F(MessageSenderTest, LeavesOutWhatIsTooOld_AndSendsTheRestAfterABreak) {
  if (!broker_.there()) GTEST_SKIP() << "no mosquitto";
  broker_.kill();
  put("old", 100ms);
  put("lasts", 60s);
  ASSERT_TRUE(wait([&] { return sender_.unsent() == 1; }));
  EXPECT_TRUE(sender_.last_unsent().contains("of rule hot to alarms/hot")) << sender_.last_unsent();
  broker_.start();
  ASSERT_TRUE(wait([&] { return counted("lineside_rules_published_total 1\n"); }));
  EXPECT_EQ(sender_.unsent(), 1U);
}

TEST_F(MessageSenderTest, BoundsWhatWaits) {
  broker_.kill();
  for (std::size_t i = 0; i < MessageSender::kWaitingMax + 5; ++i) put("x", 60s);
  EXPECT_EQ(sender_.unsent(), 5U);
}

}  // namespace
}  // namespace lineside::gateway
