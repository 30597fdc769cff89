#include "plant/tag_plant.h"

#include <gtest/gtest.h>
#include <modbus.h>

#include <bit>
#include <cmath>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "base/owned.h"
#include "base/test_port.h"
#include "mqtt/test_broker.h"
#include "opcua/test_opcua.h"

namespace lineside::plant {
namespace {

using namespace std::chrono_literals;

TEST(TagSignal, StaysInItsRange_Moves_AndIsTheSameForTheSameSeed) {
  for (int number = 0; number < 20; ++number) {
    TagSignal signal(kind_of_tag(number), 5), same(kind_of_tag(number), 5);
    std::set<double> seen;
    double least = 1e300, most = -1e300;
    for (int i = 0; i < 20'000; ++i) {
      const double value = signal.next(1);
      ASSERT_EQ(value, same.next(1));
      seen.insert(value);
      least = std::min(least, value), most = std::max(most, value);
    }
    EXPECT_GE(seen.size(), 3U) << name_of_tag(number);
    EXPECT_GE(least, 0) << name_of_tag(number);
    EXPECT_LE(most, 2e6) << name_of_tag(number);
    if (kind_of_tag(number) == TagSignal::Kind::state) {
      EXPECT_EQ(seen.size(), 3U);
    }
  }
}

class Listener final : public mqtt::Handler {
 public:
  explicit Listener(int port) {
    mqtt::ClientOptions options;
    options.broker = {.host = "127.0.0.1", .port = port, .tls = false};
    options.subscriptions = {"plant/#"};
    client_ = mqtt::Client::start(options, *this).value();
  }
  void on_connected() override {}
  void on_disconnected(const std::string&) override {}
  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override {
    const std::lock_guard lock(mutex_);
    heard_[std::string(topic)] = std::string(payload.begin(), payload.end());
    changed_.notify_all();
  }
  template <class Ready>
  bool wait(Ready ready) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return ready(heard_); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> heard_;
  std::unique_ptr<mqtt::Client> client_;
};

class TagPlantTest : public ::testing::Test {
 protected:
  TagPlantTest() {
    settings_.count = 50;
    settings_.period = 20ms;
  }
  void start() { plant_ = TagPlant::start(settings_, "127.0.0.1", 3, system_clock()).value(); }
  // The tag's float, not a number where nobody answers.
  double read_modbus(int tag) const {
    const Owned<modbus_t, modbus_free> client(modbus_new_tcp("127.0.0.1", settings_.modbus_port));
    modbus_set_response_timeout(client.get(), 0, 300'000);
    std::uint16_t words[2] = {};
    const bool read = modbus_connect(client.get()) == 0 && modbus_read_registers(client.get(), tag * 2, 2, words) == 2;
    modbus_close(client.get());
    return read ? std::bit_cast<float>(std::uint32_t{words[0]} << 16U | words[1]) : std::nan("");
  }
  template <class Ready>
  static bool wait(Ready ready) {
    for (int i = 0; i < 1000; ++i, std::this_thread::sleep_for(10ms))
      if (ready()) return true;
    return false;
  }
  config::TagPlantSettings settings_;
  std::unique_ptr<TagPlant> plant_;
};

TEST_F(TagPlantTest, ServesTheSameNumbersByModbusAndMqtt) {
  const mqtt::testing::Broker broker;
  settings_.modbus_port = free_port();
  settings_.broker_port = broker.port();
  settings_.topic = "plant";
  Listener listener(broker.port());
  start();
  EXPECT_TRUE(listener.wait([](const auto& heard) { return heard.size() == 50; }));
  EXPECT_TRUE(listener.wait([](const auto& heard) { return heard.at("plant/state3").starts_with("{\"value\":"); }));
  EXPECT_TRUE(wait([&] { return read_modbus(49) > 0; })) << "a counter";
  plant_->set_trouble(TagTrouble::garbage);
  EXPECT_TRUE(listener.wait([](const auto& heard) { return heard.at("plant/flow2") == "{\"value\": ###"; }));
  EXPECT_TRUE(wait([&] { return std::isnan(read_modbus(4)); }));
  plant_->set_trouble(TagTrouble::gone);
  EXPECT_TRUE(wait([&] { return !accepts(settings_.modbus_port); }));
  plant_->set_trouble(TagTrouble::none);
  EXPECT_TRUE(wait([&] { return read_modbus(4) > 0; }));
}

TEST_F(TagPlantTest, ChangesWhatStandsStill_WhenEachValueIsToBeNew) {
  settings_.opcua_port = free_port();
  settings_.always_new = true;
  opcua::testing::Taker taker;
  opcua::SessionOptions options;
  options.server.endpoint = std::format("opc.tcp://127.0.0.1:{}", settings_.opcua_port);
  options.publishing.interval = 20ms;
  options.reconnect_min = 50ms, options.reconnect_max = 200ms, options.retry_items = 200ms;
  start();
  const auto session = opcua::Session::start(options, {{.node = "ns=1;s=state3", .queue = 100}}, taker);
  EXPECT_TRUE(taker.wait([&] { return taker.values[0].size() >= 20; })) << "a state changes seldom by itself";
}

TEST_F(TagPlantTest, ServesThemByOpcua_AndComesBack) {
  settings_.opcua_port = free_port();
  opcua::testing::Taker taker;
  opcua::SessionOptions options;
  options.server.endpoint = std::format("opc.tcp://127.0.0.1:{}", settings_.opcua_port);
  options.publishing.interval = 20ms;
  options.reconnect_min = 50ms, options.reconnect_max = 200ms, options.retry_items = 200ms;
  start();
  const auto session = opcua::Session::start(options, {{.node = "ns=1;s=counter4"}, {.node = "ns=1;s=flow7"}}, taker);
  ASSERT_TRUE(taker.wait([&] { return taker.last(0) > 0 && taker.last(1) >= 0; }));
  plant_->set_trouble(TagTrouble::garbage);
  ASSERT_TRUE(taker.wait([&] { return taker.values[0].back().bad() && taker.values[1].back().bad(); }));
  plant_->set_trouble(TagTrouble::gone);
  ASSERT_TRUE(taker.wait([&] { return !taker.errors.empty(); }));
  plant_->set_trouble(TagTrouble::none);
  EXPECT_TRUE(taker.wait([&] { return taker.ups > 1 && taker.last(0) > 0 && !taker.values[0].back().bad(); }));
}

}  // namespace
}  // namespace lineside::plant
