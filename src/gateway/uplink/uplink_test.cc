#include "gateway/uplink/uplink.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "base/test_folder.h"
#include "gateway/outbox/outbox.h"
#include "mqtt/mqtt_client.h"
#include "mqtt/test_broker.h"
#include "wire/batch.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

bool eventually(auto&& condition) {
  for (int i = 0; i < 20'000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
  return condition();
}

// A hub under the test's control: what it has of each lane of the old epoch, and which records came under which epoch.
class FakeHub final : public mqtt::Handler {
 public:
  FakeHub(int port, std::string old_epoch) : old_epoch_(std::move(old_epoch)) {
    const std::lock_guard wait(start_);
    client_ = mqtt::Client::start({.broker = {.port = port, .tls = false}}, *this).value();
  }
  void on_connected() override {
    const std::lock_guard wait(start_);
    EXPECT_TRUE(client_->subscribe("lineside/v1/t1/g1/up", 0));
  }
  void on_subscribed() override { ready = true; }
  void on_disconnected(const std::string&) override {}
  void on_message(std::string_view, std::span<const std::uint8_t> payload) override {
    const auto batch = wire::decode_batch(payload).value();
    const bool old = batch.epoch == old_epoch_;
    if (old && batch.lane == Lane::bulk && batch.records.empty()) {
      bulk_asked = true;
      return;  // the test answers
    }
    const std::lock_guard lock(mutex_);
    for (const Record& record : batch.records)
      if (const auto* verdict = std::get_if<VerdictRecord>(&record.body))
        items_.emplace_back(old, batch.lane, verdict->item);
    auto& has = has_[batch.lane == Lane::bulk];
    if (!old && !batch.records.empty()) has = batch.records.back().sequence;
    answer(batch.lane, batch.epoch, old ? 1000 : has);
  }
  void answer(Lane lane, const std::string& epoch, std::uint64_t watermark) {
    EXPECT_TRUE(client_->publish("lineside/v1/t1/g1/ack", wire::encode_ack({lane, epoch, watermark, false})));
  }
  // Items of one lane, in the order in which they came; `old`: under the old epoch.
  std::vector<std::uint64_t> items(bool old, Lane lane) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::uint64_t> found;
    for (const auto& [of_old, of_lane, item] : items_)
      if (of_old == old && of_lane == lane) found.push_back(item);
    return found;
  }
  std::atomic<bool> ready{false}, bulk_asked{false};

 private:
  const std::string old_epoch_;
  mutable std::mutex mutex_;
  std::vector<std::tuple<bool, Lane, std::uint64_t>> items_;
  std::array<std::uint64_t, 2> has_{};
  std::mutex start_;
  std::unique_ptr<mqtt::Client> client_;
};

TEST(Uplink, SendsNoRecordUnderTwoEpochs_WhenTheOutboxIsAnOldCopy_AndTheHubAnswersForOneLaneFirst) {
  const mqtt::testing::Broker broker;
  if (!broker.there()) GTEST_SKIP() << "mosquitto is not installed";
  const TestFolder folder;
  MetricsRegistry metrics;
  auto outbox = Outbox::open(folder / "outbox", {}, system_clock(), metrics).value();
  for (std::uint64_t item = 1; item <= 8; ++item)
    for (const Lane lane : {Lane::urgent, Lane::bulk}) outbox->put(lane, VerdictRecord{.station = "s", .item = item});
  ASSERT_TRUE(outbox->flush(10s));
  outbox.reset();
  outbox = Outbox::open(folder / "outbox", {}, system_clock(), metrics).value();  // as after a restart
  const std::string old_epoch = outbox->epoch();
  FakeHub hub(broker.port(), old_epoch);
  ASSERT_TRUE(eventually([&] { return hub.ready.load(); }));
  const auto uplink =
      Uplink::start({.enabled = true, .broker = {.port = broker.port(), .tls = false}, .batch_delay = 1ms}, "t1", "g1",
                    *outbox, system_clock(), metrics)
          .value();
  ASSERT_TRUE(eventually([&] { return hub.bulk_asked.load(); }));
  std::this_thread::sleep_for(100ms);  // the answer for urgent has come meanwhile: the hub has 1000, the outbox 8
  hub.answer(Lane::bulk, old_epoch, 5);
  ASSERT_TRUE(eventually([&] { return !hub.items(false, Lane::bulk).empty(); }));
  EXPECT_EQ(hub.items(false, Lane::bulk), (std::vector<std::uint64_t>{6, 7, 8})) << "1 to 5 are at the hub already";
  EXPECT_TRUE(eventually([&] { return hub.items(false, Lane::urgent).size() == 8; }));
  EXPECT_TRUE(hub.items(true, Lane::bulk).empty() && hub.items(true, Lane::urgent).empty())
      << "sent before the hub had answered for both lanes";
}

TEST(Uplink, EndsWell_WhenTheBrokerAcceptsItJustThen) {
  const TestFolder folder;
  MetricsRegistry metrics;
  const auto outbox = Outbox::open(folder / "outbox", {}, system_clock(), metrics).value();
  for (int i = 0; i < 5; ++i) {
    int port = 0;
    const int listener = listen_somewhere(port);
    auto uplink = Uplink::start({.enabled = true, .broker = {.port = port, .tls = false}}, "t1", "g1", *outbox,
                                system_clock(), metrics)
                      .value();
    const int connection = ::accept(listener, nullptr, nullptr);
    std::array<char, 256> hello{};
    EXPECT_GT(::read(connection, hello.data(), hello.size()), 0);
    std::thread ending([&] { uplink.reset(); });
    std::this_thread::sleep_for(20ms);
    constexpr std::array<std::uint8_t, 4> kAccepted{0x20, 2, 0, 0};  // CONNACK
    ::send(connection, kAccepted.data(), kAccepted.size(), MSG_NOSIGNAL);
    ending.join();
    ::close(connection);
    ::close(listener);
  }
}

TEST(Uplink, NamesAnotherGatewayOfTheSameName_AndComesBackSlower_WhenItsConnectionsEndAtOnce) {
  const mqtt::testing::Broker broker;
  if (!broker.there()) GTEST_SKIP() << "mosquitto is not installed";
  const TestFolder folder;
  const config::UplinkSettings settings{
      .enabled = true, .broker = {.port = broker.port(), .tls = false}, .reconnect_min = 20ms, .reconnect_max = 30s};
  std::array<MetricsRegistry, 2> metrics;
  std::array<std::unique_ptr<Outbox>, 2> outboxes;
  std::array<std::unique_ptr<Uplink>, 2> twins;
  for (std::size_t i = 0; i < 2; ++i) {
    outboxes[i] = Outbox::open(folder / std::format("outbox{}", i), {}, system_clock(), metrics[i]).value();
    twins[i] = Uplink::start(settings, "t1", "g1", *outboxes[i], system_clock(), metrics[i]).value();
  }
  const auto both_say = [&] {
    return std::ranges::all_of(twins, [](const auto& twin) { return twin->status().trouble.contains("same name"); });
  };
  EXPECT_TRUE(eventually(both_say));
  const auto losses = [&] { return metrics[0].counter("lineside_uplink_disconnects_total", "").value(); };
  const auto before = losses();
  std::this_thread::sleep_for(1s);
  EXPECT_LT(losses() - before, 20U) << "without backing off it is some dozens in a second";
}

TEST(Uplink, SaysNothingOfTwins_WhenTheBrokerStartsAgain) {
  mqtt::testing::Broker broker;
  if (!broker.there()) GTEST_SKIP() << "mosquitto is not installed";
  const TestFolder folder;
  MetricsRegistry metrics;
  const auto outbox = Outbox::open(folder / "outbox", {}, system_clock(), metrics).value();
  const auto uplink = Uplink::start({.enabled = true,
                                     .broker = {.port = broker.port(), .tls = false},
                                     .reconnect_min = 20ms,
                                     .reconnect_max = 50ms},
                                    "t1", "g1", *outbox, system_clock(), metrics)
                          .value();
  ASSERT_TRUE(eventually([&] { return uplink->status().connected; }));
  broker.kill();
  ASSERT_TRUE(eventually([&] { return !uplink->status().connected; }));
  std::this_thread::sleep_for(300ms);  // refused many times
  EXPECT_EQ(uplink->status().trouble, "");
  broker.start();
  ASSERT_TRUE(eventually([&] { return uplink->status().connected; }));
  EXPECT_EQ(uplink->status().trouble, "");
}

// Keeps what is published on the gateway's state topic.
struct StateReader final : mqtt::Handler {
  explicit StateReader(int port) {
    const std::lock_guard wait(start);
    client = mqtt::Client::start({.broker = {.port = port, .tls = false}}, *this).value();
  }
  void on_connected() override {
    const std::lock_guard wait(start);
    EXPECT_TRUE(client->subscribe("lineside/v1/t1/g1/state", 1));
  }
  void on_disconnected(const std::string&) override {}
  void on_message(std::string_view, std::span<const std::uint8_t> payload) override {
    const std::lock_guard lock(mutex);
    last.assign(payload.begin(), payload.end());
  }
  bool has(const std::string& text) const {
    const std::lock_guard lock(mutex);
    return last.find(text) != std::string::npos;
  }
  mutable std::mutex mutex;
  std::mutex start;
  std::string last;
  std::unique_ptr<mqtt::Client> client;
};

TEST(Uplink, TellsWhatWaits_InItsState) {
  const mqtt::testing::Broker broker;
  if (!broker.there()) GTEST_SKIP() << "mosquitto is not installed";
  const TestFolder folder;
  MetricsRegistry metrics;
  const auto outbox = Outbox::open(folder / "outbox", {}, system_clock(), metrics).value();
  for (int i = 0; i < 3; ++i) outbox->put(Lane::bulk, VerdictRecord{.station = "s"});
  ASSERT_TRUE(outbox->flush(10s));
  StateReader reader(broker.port());
  const auto uplink = Uplink::start({.enabled = true, .broker = {.port = broker.port(), .tls = false}}, "t1", "g1",
                                    *outbox, system_clock(), metrics)
                          .value();
  EXPECT_TRUE(eventually(
      [&] { return reader.has(R"("waiting":{"urgent":{"records":0,"oldest_s":0.0},"bulk":{"records":3,)"); }));
}

}  // namespace
}  // namespace lineside::gateway
