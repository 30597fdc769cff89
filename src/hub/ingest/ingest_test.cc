#include "hub/ingest/ingest.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "base/test_folder.h"
#include "mqtt/mqtt_client.h"
#include "mqtt/test_broker.h"

namespace lineside::hub {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

// Takes everything but what comes from the gateway "bad"; its storage fails as often as told.
class FakeSink final : public BatchSink {
 public:
  Result<std::vector<CommitOutcome>> commit(std::span<const IncomingBatch> batches) override {
    entered = true;
    for (int i = 0; held && i < 10'000; ++i) std::this_thread::sleep_for(1ms);
    std::size_t picture_bytes = 0;
    for (const IncomingBatch& incoming : batches)
      for (const Record& record : incoming.batch.records)
        if (const auto* picture = std::get_if<PictureRecord>(&record.body)) picture_bytes += picture->jpeg.size();
    most_picture_bytes = std::max(most_picture_bytes.load(), picture_bytes);
    if (failures > 0) {
      --failures;
      return fail(ErrorCode::disk_full, "no room");
    }
    std::vector<CommitOutcome> outcomes;
    for (const IncomingBatch& incoming : batches) {
      if (incoming.batch.gateway == "bad") return fail(ErrorCode::wire_invalid, "breaks a rule");
      const bool stale = incoming.batch.gateway == "twin";
      outcomes.push_back({.watermark = 7, .stored = stale ? 0U : 1U, .stale_epoch = stale});
    }
    return outcomes;
  }
  std::atomic<int> failures{0};
  std::atomic<bool> held{false}, entered{false};
  std::atomic<std::size_t> most_picture_bytes{0};  // in one call
};

// Two gateways in one: publishes batches and waits for acknowledgements.
class Gateways final : public mqtt::Handler {
 public:
  explicit Gateways(int port) {
    client_ = mqtt::Client::start({.broker = {.port = port, .tls = false}}, *this).value();
    wait([&] { return subscribed_; });
  }
  void send(const std::string& gateway, const RecordBody& body = VerdictRecord{.station = "cap", .item = 1}) {
    wire::BatchBuilder batch("t1", gateway, Lane::urgent, "01890a5d-ac96-774b-bcce-b302099a8057", 1, WallTime{});
    EXPECT_TRUE(batch.add(wire::encode_record({1, body})));
    EXPECT_TRUE(client_->publish(wire::make_topic("t1", gateway, "up"), batch.finish().value()));
  }
  void say(std::string_view state) {
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(state.data()), state.size());
    EXPECT_TRUE(client_->publish(wire::make_topic("t1", "good", "state"), bytes, 1));
  }
  bool wait_ack() {
    return wait([&] { return acks_ > 0; });
  }
  void on_connected() override { EXPECT_TRUE(client()->subscribe("lineside/v1/t1/good/ack", 0)); }
  void on_subscribed() override { note(subscribed_); }
  void on_disconnected(const std::string&) override {}
  void on_message(std::string_view, std::span<const std::uint8_t>) override { note(acks_); }

 private:
  mqtt::Client* client() {
    while (!started_) std::this_thread::sleep_for(1ms);
    return client_.get();
  }
  void note(int& what) {
    const std::lock_guard lock(mutex_);
    ++what;
    changed_.notify_all();
  }
  bool wait(auto&& condition) {
    started_ = true;
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int subscribed_ = 0, acks_ = 0;
  std::atomic<bool> started_{false};
  std::unique_ptr<mqtt::Client> client_;
};

class IngestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!broker_.there()) GTEST_SKIP() << "mosquitto is not installed";
    store_ = Store::open(folder_ / "hub.db", system_clock(), metrics_).value();
    ingest_ =
        Ingest::start({.broker = {.port = broker_.port(), .tls = false}}, sink_, *store_, system_clock(), metrics_)
            .value();
    for (int i = 0; i < 10'000 && !ingest_->status().connected; ++i) std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(ingest_->status().connected);
  }
  std::uint64_t count(const char* counter) { return metrics_.counter(counter, "").value(); }

  mqtt::testing::Broker broker_;
  TestFolder folder_;
  MetricsRegistry metrics_;
  FakeSink sink_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
};

// Keeps what gateways say of themselves.
struct Reports final : ChangeListener {
  void on_records(const std::string&, const std::string&, Lane, std::span<const Record>) override {}
  void on_gateway_state(const std::string&, const std::string&, const GatewayReport& report) override {
    const std::lock_guard lock(mutex);
    all.push_back(report);
  }
  std::vector<GatewayReport> get() const {
    const std::lock_guard lock(mutex);
    return all;
  }
  mutable std::mutex mutex;
  std::vector<GatewayReport> all;
};

TEST_F(IngestTest, RefusesABatchForWhatItSays_AtOnce_AndHoldsUpNobody) {
  Gateways gateways(broker_.port());
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) gateways.send("bad");
  gateways.send("good");
  ASSERT_TRUE(gateways.wait_ack());  // it need not wait for all ten
  for (int i = 0; i < 10'000 && count("lineside_hub_refused_batches_total") < 10; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);  // half a second for each would be five
  EXPECT_EQ(count("lineside_hub_refused_batches_total"), 10U);
  EXPECT_EQ(count("lineside_hub_commit_failures_total"), 0U);
}

TEST_F(IngestTest, HearsWhatWaitsAtAGateway_AndBelievesNoNonsense) {
  Reports reports;
  store_->add_listener(reports);
  Gateways gateways(broker_.port());
  gateways.say(
      R"({"online":true,"waiting":{"urgent":{"records":3,"oldest_s":0.5},"bulk":{"records":1200,"oldest_s":90}}})");
  gateways.say(R"({"online":true,"waiting":{"urgent":{"records":-3,"oldest_s":-1},"bulk":"many"}})");
  gateways.say(R"({"online":true,"waiting":7})");
  for (int i = 0; i < 10'000 && reports.get().size() < 3; ++i) std::this_thread::sleep_for(1ms);
  const auto all = reports.get();
  store_->remove_listener(reports);
  ASSERT_EQ(all.size(), 3U);
  ASSERT_TRUE(all[0].waiting && all[1].waiting);
  EXPECT_EQ((*all[0].waiting)[1].records, 1200U);
  EXPECT_EQ((*all[0].waiting)[0].oldest_s, 0.5);
  EXPECT_EQ((*all[1].waiting)[0].records, 0U);
  EXPECT_EQ((*all[1].waiting)[0].oldest_s, 0);
  EXPECT_FALSE(all[2].waiting);
}

TEST_F(IngestTest, SaysThatTwoGatewaysMayShareACertificate_WhenAReplacedOutboxComesAgain) {
  Gateways gateways(broker_.port());
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) gateways.send("twin");
  gateways.send("good");
  EXPECT_TRUE(gateways.wait_ack());
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("two gateways have the same name and certificate"), std::string::npos) << log;
  EXPECT_NE(log.find("gateway=twin"), std::string::npos) << log;
}

// A few kB on the wire may be megabytes once they are records.
TEST_F(IngestTest, StoresOnlySoMuchTogether_HoweverSmallItWasOnTheWire) {
  constexpr std::size_t kPicture = 7u << 20;
  Gateways gateways(broker_.port());
  sink_.held = true;
  gateways.send("first");
  for (int i = 0; i < 10'000 && !sink_.entered; ++i) std::this_thread::sleep_for(1ms);
  for (int i = 0; i < 10; ++i)
    gateways.send("big" + std::to_string(i), PictureRecord{.station = "cap", .jpeg = Bytes(kPicture, 0)});
  std::this_thread::sleep_for(500ms);  // that they wait: without it there would be less to be seen
  gateways.send("good");
  sink_.held = false;
  ASSERT_TRUE(gateways.wait_ack());
  EXPECT_GE(sink_.most_picture_bytes, kPicture);
  EXPECT_LE(sink_.most_picture_bytes, 3 * kPicture);
}

TEST_F(IngestTest, AGatewayThatSendsWithoutEndLeavesRoomForTheOthers) {
  Gateways gateways(broker_.port());
  sink_.held = true;
  gateways.send("first");
  for (int i = 0; i < 10'000 && !sink_.entered; ++i) std::this_thread::sleep_for(1ms);
  for (int i = 0; i < 2000; ++i) gateways.send("loud");
  gateways.send("good");  // once: nobody sends it again
  for (int i = 0; i < 10'000 && count("lineside_hub_ingest_dropped_total") < 1872; ++i)
    std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(100ms);
  sink_.held = false;
  ASSERT_TRUE(gateways.wait_ack());
  EXPECT_EQ(count("lineside_hub_ingest_dropped_total"), 1872U);
}

TEST_F(IngestTest, TriesAgain_WhenTheStorageFails) {
  Gateways gateways(broker_.port());
  sink_.failures = 1;
  gateways.send("bad");
  gateways.send("good");
  gateways.send("good");
  ASSERT_TRUE(gateways.wait_ack());
  EXPECT_EQ(count("lineside_hub_commit_failures_total"), 1U);
}

}  // namespace
}  // namespace lineside::hub
