#include "gateway/tags/mqtt_tags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "gateway/tags/test_tag_sink.h"
#include "mqtt/test_broker.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::tag;
using testing::TakingSink;

class Device final : private mqtt::Handler {
 public:
  explicit Device(int port) {
    mqtt::ClientOptions options;
    options.broker = {.host = "127.0.0.1", .port = port, .tls = false};
    options.reconnect_max = 200ms;
    client_ = mqtt::Client::start(options, *this).value();
  }
  // Returns when the broker has it.
  void say(const std::string& topic, std::string_view text, bool retain = false) {
    for (int i = 0; i < 2000 && !client_->connected(); ++i) std::this_thread::sleep_for(10ms);
    const int before = acknowledged_;
    ASSERT_TRUE(client_->publish(topic, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, 1, retain));
    for (int i = 0; i < 2000 && acknowledged_ == before; ++i) std::this_thread::sleep_for(10ms);
    ASSERT_NE(acknowledged_, before);
  }

 private:
  void on_acknowledged(int) override { ++acknowledged_; }
  void on_connected() override {}
  void on_disconnected(const std::string&) override {}
  std::atomic<int> acknowledged_{0};
  std::unique_ptr<mqtt::Client> client_;
};

class MqttTagsTest : public testing::TagSourceTest {
 protected:
  explicit MqttTagsTest(const std::string& access = "allow_anonymous true\n")
      : TagSourceTest(config::TagSourceSettings::Kind::mqtt), broker_(access) {
    settings_.at.port = broker_.port();
  }
  std::size_t add(const std::string& topic, const std::string& value = {}) {
    const std::size_t added = TagSourceTest::add();
    tags_[added].mqtt.topic = topic;
    tags_[added].mqtt.value = value;
    return added;
  }
  // Up, and every subscription works.
  void start() {
    const auto probe = add("probe");
    TagSourceTest::start();
    ready(probe);
  }
  void ready(std::size_t probe) {
    double number = 0;
    for (int i = 0; i < 200; ++i) {
      device_.say("probe", std::to_string(++number));
      if (sink_.wait([&] { return sink_.is(probe, number); }, 1s)) return;
    }
    ADD_FAILURE() << "the subscription never worked";
  }

  mqtt::testing::Broker broker_;
  Device device_{broker_.port()};
};

TEST_F(MqttTagsTest, TakesNumbersAndJson_ByTopicAndFilter) {
  const auto plain = add("tank/level"), any = add("meters/+/power", "/kW"), json = add("room/1", "/temperature"),
             same = add("room/1", "/humidity");
  tags_[json].mqtt.time = "/ts";
  tags_[plain].scale = 2;
  start();
  device_.say("tank/level", "12.5");
  device_.say("meters/7/power", R"({"kW": 3})");
  device_.say("room/1", R"({"temperature": 21, "humidity": 40, "ts": 1700000000000})");
  ASSERT_TRUE(
      sink_.wait([&] { return sink_.is(plain, 25) && sink_.is(any, 3) && sink_.is(json, 21) && sink_.is(same, 40); }));
  sink_.look([&] {
    EXPECT_EQ(sink_.of[json].back().source_time, WallTime{1'700'000'000s});
    EXPECT_EQ(sink_.of[plain].back().source_time, WallTime{});
    EXPECT_EQ(sink_.ups, 1);
  });
}

TEST_F(MqttTagsTest, WhatIsNoNumberIsBad_AndTheNextOneIsGoodAgain) {
  const auto plain = add("a"), json = add("b", "/x");
  start();
  device_.say("a", "1");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(plain, 1); }));
  for (const char* garbage : {"on", "", "nan", "{}", "\xFF\xFE"}) {
    device_.say("a", garbage);
    ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(plain); })) << garbage;
    device_.say("a", "2");
    ASSERT_TRUE(sink_.wait([&] { return sink_.is(plain, 2); })) << garbage;
  }
  device_.say("b", "{\"x\": [");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(json); }));
  EXPECT_THAT(sink_.look([&] { return sink_.why_bad(json); }), HasSubstr("is no JSON"));
  EXPECT_EQ(count("bad_values"), 6U);
}

TEST_F(MqttTagsTest, AMessageThatIsTooLongIsLeftOut) {
  settings_.message_bytes_max = 1000;
  const auto a = add("a");
  start();
  device_.say("a", std::string(2'000'000, '1'));
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(a); }));
  EXPECT_EQ(sink_.look([&] { return sink_.why_bad(a); }), "a message of 2000000 bytes; message_bytes_max is 1000");
  device_.say("a", "3");
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(a, 3); }));
}

TEST_F(MqttTagsTest, TakesTopicsWithOddCharacters) {
  const auto odd = add("Werk 1/Öfen/№7/ /'\"\\"), empty_levels = add("//"), dollar = add("#");
  start();
  device_.say("Werk 1/Öfen/№7/ /'\"\\", "1");
  device_.say("//", "2");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(odd, 1) && sink_.is(empty_levels, 2) && sink_.is(dollar, 2); }));
}

TEST_F(MqttTagsTest, ARetainedMessageWithoutATimeIsOfUnknownAge) {
  device_.say("old", "5", true);
  device_.say("dated", R"({"v": 6, "t": 1700000000000})", true);
  const auto old = add("old"), dated = add("dated", "/v");
  tags_[dated].mqtt.time = "/t";
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(old, 5, Quality::uncertain) && sink_.is(dated, 6); }));
  device_.say("old", "5", true);
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(old, 5); })) << "a fresh one is good";
}

TEST_F(MqttTagsTest, TimesNoClockWouldSayAreLeftOut) {
  const auto a = add("a", "/v");
  tags_[a].mqtt.time = "/t";
  start();
  double number = 0;
  for (const char* time : {"1", "86400000", "4102444800000", "99999999999999", "\"1970-01-01T00:00:01Z\""}) {
    device_.say("a", std::format(R"({{"v": {}, "t": {}}})", ++number, time));
    ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, number); })) << time;
    EXPECT_EQ(sink_.look([&] { return sink_.of[a].back().source_time; }), WallTime{}) << time;
  }
  EXPECT_EQ(count("odd_times"), 5U);
}

TEST_F(MqttTagsTest, LivesThroughARestartOfTheBroker) {
  const auto a = add("a");
  start();
  device_.say("a", "1");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1); }));
  broker_.kill();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs > 0 && sink_.is_bad(a); }));
  broker_.start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.ups >= 2; }));
  ready(tags_.size() - 1);
  device_.say("a", "2");
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(a, 2); }));
}

TEST_F(MqttTagsTest, ATagOfWhichNothingComesIsBad_AlthoughTheBrokerIsThere) {
  const auto a = add("a"), patient = add("b");
  tags_[a].max_silence = 400ms;
  start();
  device_.say("a", "1");
  device_.say("b", "1");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1) && sink_.is(patient, 1); }));
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(a); }));
  EXPECT_EQ(sink_.look([&] { return sink_.why_bad(a); }), "no message for 0.4 s (max_silence_ms)");
  EXPECT_FALSE(sink_.wait([&] { return sink_.of[a].size() > 2; }, 1s)) << "it is told once";
  EXPECT_EQ(count("bad_values"), 1U);
  EXPECT_TRUE(sink_.look([&] { return sink_.is(patient, 1); }));
  device_.say("a", "2");
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(a, 2); }));
  EXPECT_EQ(sink_.look([&] { return sink_.downs; }), 0);
}

TEST_F(MqttTagsTest, ItsReasonIsToldAlsoAfterTheConnectionWasLost) {
  const auto a = add("a");
  tags_[a].max_silence = 2000ms;
  start();
  device_.say("a", "1");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1); }));
  broker_.kill();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs > 0 && sink_.is_bad(a); }));
  const auto told = sink_.look([&] { return sink_.bad[a].size(); });
  broker_.start();
  EXPECT_TRUE(sink_.wait([&] { return sink_.bad[a].size() > told; }));
}

TEST_F(MqttTagsTest, StoppingIsNoFailureOfTheSource) {
  const auto a = add("a");
  start();
  device_.say("a", "1");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1); }));
  source_->ask_to_stop();
  source_.reset();
  EXPECT_EQ(sink_.downs, 0);
  EXPECT_TRUE(sink_.is(a, 1));
}

// Refuses the subscription to rooms/#.
class StrictBrokerTest : public MqttTagsTest {
 protected:
  StrictBrokerTest() : MqttTagsTest(access()) {}
  static std::string plugin() {
    for (const auto& folder : std::filesystem::directory_iterator("/usr/lib"))
      if (const auto file = folder.path() / "mosquitto_dynamic_security.so"; std::filesystem::exists(file))
        return file.string();
    return {};
  }
  static std::string access() {
    const std::string rules = ::testing::TempDir() + "/strict_broker.json";
    std::ofstream(rules) << R"({
      "defaultACLAccess": {"publishClientSend": true, "publishClientReceive": true, "subscribe": true,
                           "unsubscribe": true},
      "roles": [{"rolename": "most", "acls": [
        {"acltype": "subscribeLiteral", "topic": "rooms/#", "priority": 1, "allow": false}]}],
      "groups": [{"groupname": "all", "roles": [{"rolename": "most"}], "clients": []}],
      "anonymousGroup": "all", "clients": []})";
    return plugin().empty()
               ? "allow_anonymous true\n"
               : std::format("allow_anonymous true\nplugin {}\nplugin_opt_config_file {}\n", plugin(), rules);
  }
};

TEST_F(StrictBrokerTest, WhatOnlyARefusedFilterCoversIsAskedForByItself) {
  if (plugin().empty()) GTEST_SKIP() << "Mosquitto's dynamic security plugin is not there";
  const auto wide = add("rooms/#"), one = add("rooms/1"), other = add("rooms/2");
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(wide) && sink_.is_bad(one) && sink_.is_bad(other); }));
  EXPECT_EQ(sink_.look([&] { return sink_.why_bad(one); }), "the broker refuses the subscription to rooms/#");
  device_.say("rooms/1", "21");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(one, 21); }));
  EXPECT_TRUE(sink_.look([&] { return sink_.is_bad(wide); }));
  broker_.kill();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs > 0; }));
  broker_.start();
  ready(tags_.size() - 1);
  device_.say("rooms/2", "22");
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(other, 22); })) << "on the next connection too";
}

TEST(MqttTags, IsDownWhileThereIsNoBroker) {
  MetricsRegistry metrics;
  TakingSink sink;
  config::TagSourceSettings settings{.name = "source", .kind = config::TagSourceSettings::Kind::mqtt};
  settings.at.port = free_port();
  std::vector tags{tag("a")};
  tags[0].mqtt.topic = "a";
  const auto source = make_tag_source(settings, tags, system_clock(), metrics).value();
  ASSERT_TRUE(source->start(sink));
  ASSERT_TRUE(sink.wait([&] { return sink.downs > 0 && sink.is_bad(0); }));
}

}  // namespace
}  // namespace lineside::gateway
