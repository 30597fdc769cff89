// The publisher, a real Mosquitto, and a host application that follows it by wire/sparkplug_reader.h.
#include "gateway/sparkplug/sparkplug_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <format>
#include <mutex>
#include <set>

#include "base/test_folder.h"
#include "gateway/sparkplug/edge_node.h"
#include "gateway/sparkplug/test_sparkplug.h"
#include "mqtt/mqtt_client.h"
#include "mqtt/test_broker.h"
#include "wire/sparkplug_reader.h"

// Each test names the clauses of the Sparkplug 3.0 specification that it covers, without their "tck-id-".

namespace lineside::gateway {
namespace {

namespace sparkplug = wire::sparkplug;
using namespace std::chrono_literals;
using sparkplug::Verb;
using ::testing::ElementsAre;
using testing::eventually;
using testing::quick_settings;
using testing::reading;
using testing::small_plant;

struct Told {
  std::string path;  // below G/E/
  double value;
  bool bad, historical;
};

class Host final : public mqtt::Handler, public sparkplug::ReaderSink {
 public:
  explicit Host(int port, const std::string& id = "scada") : state_topic_("spBv1.0/STATE/" + id) {
    const std::lock_guard wait(start_);
    client_ = mqtt::Client::start(
                  {.broker = {.port = port, .tls = false}, .reconnect_min = 10ms, .reconnect_max = 50ms}, *this)
                  .value();
  }
  void on_connected() override {
    const std::lock_guard wait(start_);
    EXPECT_TRUE(client_->subscribe("spBv1.0/#", 1));
  }
  void on_subscribed() override { ready = true; }
  void on_disconnected(const std::string&) override {
    ready = false;
    const std::lock_guard lock(mutex_);
    reader_.lost_connection(system_clock().wall());
  }
  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override {
    const std::lock_guard lock(mutex_);
    const auto parsed = sparkplug::parse_topic(topic).value();
    if (parsed.verb == Verb::state || parsed.verb == Verb::ncmd || parsed.verb == Verb::dcmd) return;
    messages_.emplace_back(parsed, sparkplug::decode(payload).value());
    reader_.take(topic, payload, system_clock().mono(), system_clock().wall());
  }
  void on_birth(const sparkplug::Topic&) override {}
  void on_readings(std::span<const sparkplug::Reading> readings) override {
    for (const auto& one : readings)
      told_.push_back({std::string(one.path.substr(4)), one.value, one.quality == Quality::bad, one.historical});
  }
  void on_rebirth_wanted(const std::string& topic, const wire::Bytes& payload) override {
    ++asked;
    EXPECT_TRUE(client_->publish(topic, payload));
  }
  void publish(const std::string& topic, const wire::Bytes& payload, bool retain = false) {
    EXPECT_TRUE(client_->publish(topic, payload, 1, retain));
  }
  void say(bool online, std::uint64_t time) {
    const std::string text = sparkplug::encode_state({online, time});
    publish(state_topic_, {text.begin(), text.end()}, true);
  }
  // Messages of one kind so far; of one device, or of the node.
  std::vector<sparkplug::Payload> all(Verb verb, const std::string& device = {}) const {
    const std::lock_guard lock(mutex_);
    std::vector<sparkplug::Payload> found;
    for (const auto& [topic, payload] : messages_)
      if (topic.verb == verb && topic.device == device) found.push_back(payload);
    return found;
  }
  std::size_t count(Verb verb, const std::string& device = {}) const { return all(verb, device).size(); }
  std::vector<Told> told(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    std::vector<Told> found;
    std::ranges::copy_if(told_, std::back_inserter(found), [&](const Told& one) { return one.path == path; });
    return found;
  }
  std::vector<double> values(const std::string& path) const {
    std::vector<double> found;
    for (const Told& one : told(path))
      if (!one.bad) found.push_back(one.value);
    return found;
  }
  sparkplug::ReaderCounts counts() const {
    const std::lock_guard lock(mutex_);
    return reader_.counts();
  }
  void ask_for_births(int times) {
    for (int i = 0; i < times; ++i)
      publish("spBv1.0/G/NCMD/E",
              sparkplug::encode({.metrics = {{.name = std::string(sparkplug::kRebirth), .value = true}}}));
  }
  std::atomic<bool> ready{false};
  std::atomic<int> asked{0};

 private:
  const std::string state_topic_;
  mutable std::mutex mutex_;
  std::vector<std::pair<sparkplug::Topic, sparkplug::Payload>> messages_;
  std::vector<Told> told_;
  sparkplug::Reader reader_{{}, *this};
  std::mutex start_;
  std::unique_ptr<mqtt::Client> client_;
};

class Publisher : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!broker.there()) GTEST_SKIP() << "mosquitto is not installed";
    host = std::make_unique<Host>(broker.port());
    ASSERT_TRUE(eventually([&] { return host->ready.load(); }));
  }
  void start(const config::SparkplugSettings& settings) {
    publisher =
        SparkplugPublisher::start(settings, "E", "1", small_plant(), folder_ / "state", system_clock(), metrics_)
            .value();
  }
  void start() { start(quick_settings({broker.port()})); }
  bool online() {
    return eventually([&] { return publisher->status().online; });
  }
  void give(std::size_t tag, double value, Quality quality = Quality::good) {
    publisher->sink(0).on_samples(std::array{reading(tag, value, quality)});
  }
  // Asks for a write, or for a rebirth.
  void command(const std::string& rest, const std::string& metric, const sparkplug::Value& value) {
    host->publish("spBv1.0/G/" + rest, sparkplug::encode({.metrics = {{.name = metric, .value = value}}}));
  }

  const TestFolder folder_;
  MetricsRegistry metrics_;
  mqtt::testing::Broker broker;
  std::unique_ptr<Host> host;
  std::unique_ptr<SparkplugPublisher> publisher;
};

std::uint64_t bd_seq_of(const sparkplug::Payload& payload) {
  return std::get<std::uint64_t>(payload.metrics.at(0).value);
}

// principles-rbe-recommended, operational-behavior-data-publish-dbirth-change, payloads-ddata-order,
// operational-behavior-device-ddeath
TEST_F(Publisher, ShowsItsTagsToAHost) {
  start();
  ASSERT_TRUE(online());
  publisher->sink(0).on_source(true, "");
  ASSERT_TRUE(eventually([&] { return host->count(Verb::dbirth, "boiler") == 1; }));
  for (const double value : {1.0, 1.0, 2.0, 2.0, 1.0}) give(0, value);
  give(1, 9, Quality::uncertain);
  EXPECT_TRUE(eventually([&] { return host->values("boiler/p").size() == 1; }));
  EXPECT_THAT(host->values("boiler/t"), ElementsAre(1, 2, 1)) << "what has not changed is not sent";
  EXPECT_EQ(host->count(Verb::dbirth, "pump"), 0U);
  give(2, 50);
  EXPECT_TRUE(eventually([&] { return host->values("pump/n").size() == 1; }))
      << "a reading proves that its source is there";
  give(0, NAN, Quality::bad);
  publisher->sink(0).on_source(false, "");
  EXPECT_TRUE(eventually([&] { return host->count(Verb::ddeath, "boiler") == 1; }));
  EXPECT_TRUE(host->told("boiler/t").back().bad && host->told("boiler/p").back().bad);
  EXPECT_FALSE(host->told("pump/n").back().bad);
  publisher->sink(0).on_source(true, "");
  EXPECT_TRUE(eventually([&] { return host->count(Verb::dbirth, "boiler") == 2; }));
  publisher.reset();
  EXPECT_TRUE(eventually([&] { return host->count(Verb::ndeath) == 1; }));
  EXPECT_TRUE(host->told("pump/n").back().bad);
  EXPECT_EQ(host->counts().out_of_order + host->counts().bad_values + host->counts().unknown_metrics, 0U);
  EXPECT_EQ(host->asked, 0);
}

// operational-behavior-data-commands-rebirth-action-1, -action-2, -action-3, payloads-nbirth-bdseq-repeat
TEST_F(Publisher, IsBornAgainWhenAHostAsks) {
  start();
  give(0, 1);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::dbirth, "boiler") == 1; }));
  command("NCMD/E", std::string(sparkplug::kRebirth), false);
  for (int i = 0; i < 5; ++i) command("NCMD/E", std::string(sparkplug::kRebirth), true);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::dbirth, "boiler") == 2; }));
  const auto births = host->all(Verb::nbirth);
  ASSERT_EQ(births.size(), 2U);
  EXPECT_EQ(bd_seq_of(births[1]), bd_seq_of(births[0]));
  EXPECT_EQ(births[1].seq, 0U);
  EXPECT_EQ(host->all(Verb::dbirth, "boiler")[1].seq, 1U);
  give(0, 2);
  EXPECT_TRUE(eventually([&] { return host->values("boiler/t").back() == 2; }));
  EXPECT_EQ(host->counts().out_of_order, 0U);
  EXPECT_EQ(host->count(Verb::ndeath), 0U);
}

TEST_F(Publisher, IsNotSilencedByAHostThatAsksForBirthsAllTheTime) {
  start();
  give(0, 0);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::dbirth, "boiler") == 1; }));
  std::atomic<bool> enough{false};
  std::thread asking([&] {
    for (; !enough; std::this_thread::sleep_for(20ms)) host->ask_for_births(1);
  });
  for (int i = 1; i <= 150; ++i) {
    give(0, i);
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_LE(host->count(Verb::nbirth), 5U) << "at first, and after 0.5, 0.5, 1 and 2 s";
  EXPECT_GT(host->count(Verb::ddata, "boiler"), 20U);
  enough = true;
  asking.join();
  EXPECT_EQ(host->counts().out_of_order, 0U);
}

TEST_F(Publisher, HelpsAHostThatComesLate) {
  start();
  give(0, 1);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::dbirth, "boiler") == 1; }));
  Host late(broker.port());
  ASSERT_TRUE(eventually([&] { return late.ready.load(); }));
  give(0, 2);
  EXPECT_TRUE(eventually([&] { return !late.values("boiler/t").empty(); }));
  EXPECT_EQ(late.asked, 1);
  EXPECT_TRUE(eventually([&] { return publisher->status().rebirths == 1; }));
}

TEST_F(Publisher, RefusesAndCountsWrites) {
  start();
  give(0, 1);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::dbirth, "boiler") == 1; }));
  command("DCMD/E/boiler", "t", 99.0);
  command("NCMD/E", "Node Control/Reboot", true);
  command("DCMD/E/boiler", std::string(sparkplug::kRebirth), true);
  EXPECT_TRUE(eventually([&] { return publisher->status().refused == 3; }));
  host->publish("spBv1.0/G/NCMD/E", {0xFF, 0xFF});
  host->publish("spBv1.0/G/NCMD/E", wire::Bytes(2u << 20, 0));
  EXPECT_TRUE(eventually([&] { return metrics_.counter("lineside_sparkplug_bad_messages_total", "").value() == 2; }));
  give(0, 2);
  EXPECT_TRUE(eventually([&] { return host->values("boiler/t").back() == 2; }));
  EXPECT_EQ(host->count(Verb::nbirth), 1U);
}

// topics-nbirth-bdseq-increment, operational-behavior-primary-application-state-with-multiple-servers-state: what was
// on its way when the broker died comes again, as history.
TEST_F(Publisher, LosesNothing_WhenTheBrokerIsKilled) {
  auto settings = quick_settings({broker.port()});
  settings.primary_host = "scada";
  start(settings);
  host->say(true, 1000);
  ASSERT_TRUE(online());
  int next = 0;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (int i = 0; i < 50; ++i) {
      give(0, next++);
      std::this_thread::sleep_for(1ms);
    }
    broker.kill();
    for (int i = 0; i < 500; ++i) give(0, next++);
    ASSERT_TRUE(eventually([&] { return !publisher->status().online && !host->ready; }));
    broker.start();
    ASSERT_TRUE(eventually([&] { return host->ready.load(); }));
    host->say(true, 1000 + round);  // the broker has forgotten it
    ASSERT_TRUE(eventually([&] { return host->count(Verb::nbirth) == round + 1; }));
    // One more for each CONNECT, also one that the dying or rising broker did not answer.
    EXPECT_GT(bd_seq_of(host->all(Verb::nbirth)[round]), bd_seq_of(host->all(Verb::nbirth)[round - 1]));
  }
  const auto arrived = [&] {
    const auto values = host->values("boiler/t");
    return std::set<double>(values.begin(), values.end()).size();
  };
  EXPECT_TRUE(eventually([&] { return arrived() == static_cast<std::size_t>(next); })) << arrived() << " of " << next;
  EXPECT_EQ(publisher->status().lost, 0U);
  EXPECT_EQ(host->counts().gaps + host->counts().bad_values + host->counts().unknown_metrics, 0U);
}

// message-flow-edge-node-birth-publish-phid-wait, operational-behavior-edge-node-termination-host-offline,
// intro-sparkplug-host-state: what came while the primary host was away comes as history, in its order.
TEST_F(Publisher, KeepsEveryReadingWhileThePrimaryHostIsAway) {
  auto settings = quick_settings({broker.port()});
  settings.primary_host = "scada";
  start(settings);
  for (int i = 0; i < 1000; ++i) give(0, i);
  ASSERT_TRUE(eventually([&] { return publisher->status().waiting == 1000 && publisher->status().host_missing; }));
  EXPECT_EQ(host->count(Verb::nbirth), 0U);
  host->say(true, 1000);
  ASSERT_TRUE(eventually([&] { return host->values("boiler/t").size() >= 1000; }));
  const auto told = host->told("boiler/t");
  EXPECT_EQ(told.front().value, 999) << "the birth tells the newest";
  EXPECT_FALSE(told.front().historical);
  for (std::size_t i = 1; i < told.size(); ++i) {
    ASSERT_EQ(told[i].value, static_cast<double>(i - 1));
    EXPECT_TRUE(told[i].historical);
  }
  host->say(false, 999);
  give(0, 2000);
  EXPECT_TRUE(eventually([&] { return host->values("boiler/t").back() == 2000; })) << "an old will changes nothing";
  EXPECT_EQ(host->count(Verb::ndeath), 0U);
  host->say(false, 1000);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::ndeath) == 1; }));
  EXPECT_TRUE(host->told("boiler/t").back().bad);
  for (int i = 3000; i < 3100; ++i) give(0, i);
  ASSERT_TRUE(eventually([&] { return publisher->status().host_missing; }));
  host->say(true, 2000);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::nbirth) == 2; }));
  EXPECT_EQ(bd_seq_of(host->all(Verb::nbirth)[1]), 1U);
  const auto history = [&] {
    std::set<double> found;
    for (const Told& one : host->told("boiler/t"))
      if (one.value >= 3000) found.insert(one.value);
    return found.size();
  };
  EXPECT_TRUE(eventually([&] { return history() == 100; }));
  EXPECT_EQ(publisher->status().lost, 0U);
}

TEST_F(Publisher, TellsHowMuchItHadToDrop) {
  auto settings = quick_settings({broker.port()});
  settings.primary_host = "scada";
  settings.buffer_samples = 1000;
  start(settings);
  for (int i = 0; i < 3500; ++i) give(0, i);
  ASSERT_TRUE(eventually([&] { return publisher->status().lost == 2500; }));
  host->say(true, 1000);
  ASSERT_TRUE(eventually([&] { return host->values("boiler/t").size() == 1000; }));
  EXPECT_EQ(host->all(Verb::nbirth)[0].metrics.at(2).name, kLostSamplesMetric);
  EXPECT_THAT(host->values("/" + std::string(kLostSamplesMetric)), ElementsAre(2500));
  EXPECT_EQ(host->told("boiler/t").at(1).value, 2500) << "the oldest went";
}

// operational-behavior-primary-application-state-with-multiple-servers-walk, -single-server,
// operational-behavior-edge-node-termination-host-offline-reconnect
TEST_F(Publisher, WalksToTheBrokerWhereThePrimaryHostIs) {
  mqtt::testing::Broker second;
  Host other(second.port());
  ASSERT_TRUE(eventually([&] { return other.ready.load(); }));
  host->say(false, 1000);
  other.say(true, 1000);
  auto settings = quick_settings({broker.port(), second.port()});
  settings.primary_host = "scada";
  start(settings);
  ASSERT_TRUE(eventually([&] { return other.count(Verb::nbirth) == 1; }));
  EXPECT_EQ(host->count(Verb::nbirth), 0U);
  host->say(true, 2000);
  other.say(false, 1000);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::nbirth) == 1; }));
  EXPECT_TRUE(eventually([&] { return other.count(Verb::ndeath) == 1; }));
}

TEST_F(Publisher, CountsABrokerThatIsNotThereAsNoSession) {
  broker.kill();
  ASSERT_TRUE(eventually([&] { return !host->ready; }));
  start();
  ASSERT_TRUE(eventually([&] { return !publisher->status().trouble.empty(); }));
  std::this_thread::sleep_for(100ms);
  broker.start();
  ASSERT_TRUE(online());
  ASSERT_TRUE(eventually([&] { return host->ready.load(); }));
  command("NCMD/E", std::string(sparkplug::kRebirth), true);
  ASSERT_TRUE(eventually([&] { return host->count(Verb::nbirth) > 0; }));
  EXPECT_EQ(bd_seq_of(host->all(Verb::nbirth)[0]), 0U) << "no CONNECT was sent";
}

}  // namespace
}  // namespace lineside::gateway
