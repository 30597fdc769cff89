// What the publisher puts on the wire, packet by packet (MQTT 3.1.1): the test is the broker.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <format>

#include "base/file.h"
#include "base/test_folder.h"
#include "gateway/sparkplug/sparkplug_publisher.h"
#include "gateway/sparkplug/test_sparkplug.h"
#include "mqtt/test_broker.h"
#include "wire/sparkplug.h"

// Each test names the clauses of the Sparkplug 3.0 specification that it covers, without their "tck-id-".

namespace lineside::gateway {
namespace {

namespace sparkplug = wire::sparkplug;
using namespace std::chrono_literals;
using testing::quick_settings;
using testing::reading;
using testing::small_plant;
using wire::Bytes;

constexpr std::uint8_t kConnect = 0x10, kPublish = 0x30, kSubscribe = 0x82, kPing = 0xC0, kDisconnect = 0xE0;

struct Packet {
  std::uint8_t header = 0;  // 0: none came, or the connection has ended
  Bytes body;
  std::size_t at = 0;

  std::uint8_t byte() { return body.at(at++); }
  std::size_t number() {
    const std::size_t high = byte();
    return high << 8 | byte();
  }
  std::string text() {
    const std::size_t size = number();
    std::string taken(body.begin() + static_cast<std::ptrdiff_t>(at),
                      body.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    return taken;
  }
};

struct Published {
  std::uint8_t header = 0;
  std::string topic;
  sparkplug::Payload payload;
};

class WireBroker {
 public:
  WireBroker() { listener_ = lineside::listen_somewhere(port_); }
  ~WireBroker() {
    hang_up();
    ::close(listener_);
  }
  int port() const { return port_; }

  // Waits for the next connection; its CONNECT.
  Packet accept() {
    hang_up();
    connection_ = ready(listener_, 10s) ? ::accept(listener_, nullptr, nullptr) : -1;
    return next();
  }
  void hang_up() {
    if (connection_ >= 0) ::close(connection_);
    connection_ = -1;
  }
  Packet next(std::chrono::milliseconds wait = 10s) {
    Packet packet;
    std::uint8_t header = 0;
    do {
      if (!ready(connection_, wait) || !read(&header, 1)) return {};
      std::size_t size = 0;
      std::uint8_t digit = 0x80;
      for (unsigned shift = 0; (digit & 0x80U) != 0; shift += 7) {
        if (!read(&digit, 1)) return {};
        size |= std::size_t{digit & 0x7FU} << shift;
      }
      packet.body.resize(size);
      if (!read(packet.body.data(), size)) return {};
    } while (header == kPing);
    packet.header = header;
    return packet;
  }
  Published published() {
    Packet packet = next();
    if (packet.header == 0) return {};
    const std::string topic = packet.text();
    const auto payload = sparkplug::decode(wire::ByteView(packet.body).subspan(packet.at));
    EXPECT_TRUE(payload) << "no Sparkplug payload";
    return {packet.header, topic, payload.value_or(sparkplug::Payload{})};
  }
  void accept_connection() { send({0x20, 2, 0, 0}); }
  // Confirms the next subscription, or refuses it; its topic.
  std::string subscription(std::uint8_t answer = 1) {
    Packet packet = next();
    EXPECT_EQ(packet.header, kSubscribe);
    const std::size_t id = packet.number();
    const std::string topic = packet.text();
    EXPECT_EQ(packet.byte(), 1) << "QoS";
    send({0x90, 3, static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id), answer});
    return topic;
  }
  void publish(const std::string& topic, const Bytes& payload, bool retained = false) {
    Bytes packet{static_cast<std::uint8_t>(retained ? kPublish | 1 : kPublish),
                 static_cast<std::uint8_t>(2 + topic.size() + payload.size()), 0,
                 static_cast<std::uint8_t>(topic.size())};
    packet.insert(packet.end(), topic.begin(), topic.end());
    packet.insert(packet.end(), payload.begin(), payload.end());
    ASSERT_LT(packet.size(), 128U);
    send(packet);
  }

 private:
  static bool ready(int socket, std::chrono::milliseconds wait) {
    pollfd wanted{socket, POLLIN, 0};
    return socket >= 0 && ::poll(&wanted, 1, static_cast<int>(wait.count())) == 1;
  }
  bool read(std::uint8_t* to, std::size_t size) const {
    while (size > 0) {
      const ssize_t got = ::recv(connection_, to, size, 0);
      if (got <= 0) return false;
      to += got;
      size -= static_cast<std::size_t>(got);
    }
    return true;
  }
  void send(const Bytes& bytes) const { ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

  int port_ = 0, listener_ = -1, connection_ = -1;
};

std::uint64_t bd_seq_of(const sparkplug::Payload& payload) {
  EXPECT_FALSE(payload.metrics.empty());
  if (payload.metrics.empty()) return 999;
  EXPECT_EQ(payload.metrics[0].name, "bdSeq");
  return std::get<std::uint64_t>(payload.metrics[0].value);
}

// The will of a CONNECT packet.
sparkplug::Payload will_of(Packet connect) {
  EXPECT_EQ(connect.header, kConnect);
  if (connect.header != kConnect) return {};
  EXPECT_EQ(connect.text(), "MQTT");
  EXPECT_EQ(connect.byte(), 4) << "3.1.1";
  const std::uint8_t flags = connect.byte();
  EXPECT_TRUE(flags & 0x02U) << "clean session";
  EXPECT_TRUE(flags & 0x04U) << "a will";
  EXPECT_EQ(flags >> 3 & 3U, 1U) << "its QoS";
  EXPECT_FALSE(flags & 0x20U) << "not retained";
  connect.number();  // keep alive
  connect.text();    // client id
  EXPECT_EQ(connect.text(), "spBv1.0/G/NDEATH/E");
  connect.number();
  return sparkplug::decode(wire::ByteView(connect.body).subspan(connect.at)).value_or(sparkplug::Payload{});
}

class PublisherWire : public ::testing::Test {
 protected:
  void start(const std::string& host = {}, std::chrono::milliseconds resend = 60s) {
    auto settings = quick_settings({broker.port()});
    settings.resend = resend;
    settings.edge_node = "E";
    settings.primary_host = host;
    publisher =
        SparkplugPublisher::start(settings, "line-3", "1", small_plant(), folder_ / "state", system_clock(), metrics_)
            .value();
  }
  // Until the births may come.
  std::uint64_t let_in(int subscriptions = 2) {
    const std::uint64_t number = bd_seq_of(will_of(broker.accept()));
    broker.accept_connection();
    for (int i = 0; i < subscriptions; ++i) subscribed.push_back(broker.subscription());
    return number;
  }
  const TestFolder folder_;
  MetricsRegistry metrics_;
  WireBroker broker;
  std::vector<std::string> subscribed;
  std::unique_ptr<SparkplugPublisher> publisher;
};

// principles-persistence-clean-session-311, principles-birth-certificates-order,
// message-flow-edge-node-ncmd-subscribe, message-flow-edge-node-birth-publish-connect, -will-message,
// -will-message-topic, -will-message-payload, -will-message-payload-bdSeq, -will-message-qos,
// -will-message-will-retained, -nbirth-qos, -nbirth-retained, -nbirth-payload-seq, payloads-ndeath-will-message,
// payloads-ndeath-will-message-qos, payloads-ndeath-will-message-retain, payloads-nbirth-qos, payloads-nbirth-retain,
// payloads-dbirth-qos, payloads-dbirth-retain, payloads-dbirth-order, payloads-ddata-qos, payloads-ddata-retain,
// payloads-ddata-order, topics-nbirth-mqtt, topics-dbirth-mqtt, topics-ddata-mqtt, topics-nbirth-bdseq-matching,
// payloads-nbirth-bdseq-repeat, message-flow-device-birth-publish-nbirth-wait, -dbirth-qos, -dbirth-retained,
// operational-behavior-edge-node-intentional-disconnect-ndeath, -disconnect-packet,
// payloads-ndeath-will-message-publisher, payloads-ndeath-will-message-publisher-disconnect-mqtt311
TEST_F(PublisherWire, ConnectsIsBornSendsAndDiesAsTheSpecificationSays) {
  start();
  publisher->sink(0).on_source(true, "");
  const auto will = will_of(broker.accept());
  EXPECT_FALSE(will.seq);
  EXPECT_EQ(bd_seq_of(will), 0U);
  broker.accept_connection();
  EXPECT_EQ(broker.subscription(), "spBv1.0/G/NCMD/E");
  EXPECT_EQ(broker.subscription(), "spBv1.0/G/DCMD/E/+");
  const auto expect = [&](std::string_view topic, std::uint64_t seq) {
    const Published message = broker.published();
    EXPECT_EQ(message.header, kPublish) << "QoS 0, not retained";
    EXPECT_EQ(message.topic, topic);
    EXPECT_EQ(message.payload.seq, seq);
    EXPECT_TRUE(message.payload.timestamp_ms);
    return message.payload;
  };
  EXPECT_EQ(bd_seq_of(expect("spBv1.0/G/NBIRTH/E", 0)), 0U);
  expect("spBv1.0/G/DBIRTH/E/boiler", 1);
  publisher->sink(0).on_samples(std::array{reading(0, 5)});
  expect("spBv1.0/G/DDATA/E/boiler", 2);
  publisher->sink(0).on_source(false, "");
  expect("spBv1.0/G/DDEATH/E/boiler", 3);
  publisher.reset();
  const Published death = broker.published();
  EXPECT_EQ(death.header, kPublish);
  EXPECT_EQ(death.topic, "spBv1.0/G/NDEATH/E");
  EXPECT_FALSE(death.payload.seq);
  EXPECT_EQ(bd_seq_of(death.payload), 0U);
  EXPECT_EQ(broker.next().header, kDisconnect) << "so that the broker does not send the will too";
}

// principles-birth-certificates-order: nothing before the subscriptions stand.
TEST_F(PublisherWire, SaysNothingBeforeItsSubscriptionsAreConfirmed) {
  start();
  will_of(broker.accept());
  broker.accept_connection();
  EXPECT_EQ(broker.next().header, kSubscribe);
  EXPECT_EQ(broker.next().header, kSubscribe);
  EXPECT_EQ(broker.next(200ms).header, 0);
}

// message-flow-edge-node-ncmd-subscribe: without it nobody could ask for births.
TEST_F(PublisherWire, SaysNothingWhereItMayNotHearItsCommands) {
  constexpr std::uint8_t kRefused = 0x80;
  start();
  will_of(broker.accept());
  broker.accept_connection();
  EXPECT_EQ(broker.subscription(kRefused), "spBv1.0/G/NCMD/E");
  EXPECT_TRUE(testing::eventually(
      [&] { return publisher->status().trouble.contains("refuses the subscription to spBv1.0/G/NCMD/E"); }));
  will_of(broker.accept());
  broker.accept_connection();
  broker.subscription();
  EXPECT_EQ(broker.subscription(kRefused), "spBv1.0/G/DCMD/E/+");
  EXPECT_EQ(broker.published().topic, "spBv1.0/G/NBIRTH/E") << "commands to devices are refused anyway";
}

// payloads-ncmd-retain
TEST_F(PublisherWire, DoesNothingThatABrokerHadKept) {
  start();
  let_in();
  broker.published();
  const Bytes ask = sparkplug::encode({.metrics = {{.name = std::string(sparkplug::kRebirth), .value = true}}});
  broker.publish("spBv1.0/G/NCMD/E", ask, true);
  EXPECT_EQ(broker.next(1s).header, 0);
  broker.publish("spBv1.0/G/NCMD/E", ask);
  EXPECT_EQ(broker.published().topic, "spBv1.0/G/NBIRTH/E");
}

// Nobody knows whether the broker still took what it was sent just before the connection broke.
class PublisherResends : public PublisherWire {
 protected:
  // Sends 5 and 6 to a broker that then hangs up; what the first data after the next births are.
  sparkplug::Metric first_after_the_break(std::chrono::milliseconds resend) {
    start({}, resend);
    publisher->sink(0).on_source(true, "");
    let_in();
    EXPECT_EQ(broker.published().topic, "spBv1.0/G/NBIRTH/E");
    EXPECT_EQ(broker.published().topic, "spBv1.0/G/DBIRTH/E/boiler");
    for (const double value : {5.0, 6.0}) {
      publisher->sink(0).on_samples(std::array{reading(0, value)});
      EXPECT_EQ(broker.published().payload.metrics.at(0).value, sparkplug::Value{value});
    }
    std::this_thread::sleep_for(5ms);
    let_in();
    EXPECT_EQ(broker.published().topic, "spBv1.0/G/NBIRTH/E");
    const auto birth = broker.published();
    EXPECT_EQ(birth.topic, "spBv1.0/G/DBIRTH/E/boiler");
    EXPECT_TRUE(std::ranges::contains(birth.payload.metrics, sparkplug::Value{6.0}, &sparkplug::Metric::value));
    std::this_thread::sleep_for(50ms);
    publisher->sink(0).on_samples(std::array{reading(0, 7)});
    const auto data = broker.published();
    EXPECT_EQ(data.topic, "spBv1.0/G/DDATA/E/boiler");
    return data.payload.metrics.at(0);
  }
};

TEST_F(PublisherResends, AsHistory_WhatWentOutShortlyBeforeTheConnectionEnded) {
  const auto first = first_after_the_break(60s);
  EXPECT_EQ(first.value, sparkplug::Value{5.0});
  EXPECT_TRUE(first.is_historical);
}

// The planted bug: nothing is kept, and 5 is gone for ever.
TEST_F(PublisherResends, NothingThatWasNotKept) {
  const auto first = first_after_the_break(0s);
  EXPECT_EQ(first.value, sparkplug::Value{7.0});
  EXPECT_FALSE(first.is_historical);
}

// topics-nbirth-bdseq-increment, payloads-ndeath-bdseq,
// message-flow-edge-node-birth-publish-will-message-payload-bdSeq
TEST_F(PublisherWire, NumbersEachConnectFromZeroTo255AndFromZeroAgain_OverRestartsToo) {
  start();
  for (std::uint64_t number = 0; number < 3; ++number) {
    EXPECT_EQ(let_in(), number);
    EXPECT_EQ(bd_seq_of(broker.published().payload), number);
  }
  publisher.reset();
  broker.hang_up();
  start();
  EXPECT_EQ(let_in(), 3U);
  publisher.reset();
  ASSERT_TRUE(write_atomically(folder_ / "state", std::string_view("255\n")));
  start();
  EXPECT_EQ(let_in(), 0U);
  publisher.reset();
  ASSERT_TRUE(write_atomically(folder_ / "state", std::string_view("garbage")));
  start();
  EXPECT_EQ(let_in(), 0U);
}

// message-flow-edge-node-birth-publish-phid-wait, -phid-wait-id, -phid-wait-online,
// operational-behavior-edge-node-birth-sequence-wait, message-flow-edge-node-birth-publish-phid-offline,
// operational-behavior-edge-node-termination-host-offline, operational-behavior-primary-application-state-with-
// multiple-servers-state-subs, components-ph-state
TEST_F(PublisherWire, WaitsForItsPrimaryHost_AndLeavesWithADeathWhenThatGoes) {
  start("scada");
  let_in(3);
  EXPECT_EQ(subscribed.at(2), "spBv1.0/STATE/scada");
  const auto state = [&](bool online, std::uint64_t time) {
    const std::string text = sparkplug::encode_state({online, time});
    broker.publish("spBv1.0/STATE/scada", Bytes(text.begin(), text.end()));
  };
  state(false, 1000);
  EXPECT_EQ(broker.next(200ms).header, 0);
  EXPECT_TRUE(testing::eventually([&] { return publisher->status().host_missing; }));
  state(true, 2000);
  EXPECT_EQ(broker.published().topic, "spBv1.0/G/NBIRTH/E");
  state(false, 1999);
  EXPECT_EQ(broker.next(200ms).header, 0) << "the will of the host's earlier connection";
  state(false, 2000);
  EXPECT_EQ(broker.published().topic, "spBv1.0/G/NDEATH/E");
  EXPECT_EQ(broker.next().header, kDisconnect);
  EXPECT_EQ(let_in(3), 1U);
}

// A broker that is too slow to ask, or says nothing at all.
TEST_F(PublisherWire, EndsInTime_WhateverTheBrokerHasNotSaid) {
  for (int stage = 0; stage < 3; ++stage) {
    start();
    if (stage > 0) will_of(broker.accept());
    if (stage > 1) broker.accept_connection();
    std::this_thread::sleep_for(20ms);
    const MonoTime before = system_clock().mono();
    publisher.reset();
    EXPECT_LT(system_clock().mono() - before, 3s);
    if (stage == 0) broker.accept();
    broker.hang_up();
  }
}

}  // namespace
}  // namespace lineside::gateway
