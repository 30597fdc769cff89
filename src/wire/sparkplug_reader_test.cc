#include "wire/sparkplug_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <format>

// Each test names the clauses of the Sparkplug 3.0 specification that it covers, without their "tck-id-".

namespace lineside::wire::sparkplug {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr WallTime kStart{std::chrono::seconds{1'700'000'000}};

std::uint32_t code(Type type) { return static_cast<std::uint32_t>(type); }

Metric born(std::string name, std::uint64_t alias, Type type, Value value) {
  return {.name = std::move(name), .alias = alias, .timestamp_ms = 1000, .type = code(type), .value = std::move(value)};
}

Metric changed(std::uint64_t alias, Value value) {
  return {.alias = alias, .timestamp_ms = 2000, .value = std::move(value)};
}

Metric bd_seq(std::uint64_t value) { return {.name = "bdSeq", .type = code(Type::int64), .value = value}; }

// One reader and the edge node G/E with the devices D and F, whose messages the test writes.
class SparkplugReader : public testing::Test, public ReaderSink {
 protected:
  void on_readings(std::span<const Reading> readings) override {
    for (const Reading& reading : readings) {
      EXPECT_EQ(std::isnan(reading.value), reading.quality == Quality::bad);
      EXPECT_EQ(reading.why.empty(), reading.quality != Quality::bad);
      const std::string value = reading.quality == Quality::bad ? "bad" : std::format("{}", reading.value);
      told.push_back(std::format("{}={}{}{}", reading.path.substr(4), value,
                                 reading.quality == Quality::uncertain ? "?" : "", reading.historical ? " then" : ""));
      last_time = reading.source_time;
      last_why = reading.why;
    }
  }
  void on_birth(const Topic& of) override { told.push_back(std::format("born {}/{}", of.edge_node, of.device)); }
  void on_rebirth_wanted(const std::string& topic, const Bytes& payload) override {
    EXPECT_THAT(topic, testing::StartsWith("spBv1.0/G/NCMD/E"));
    const auto request = decode(payload).value();
    ASSERT_EQ(request.metrics.size(), 1U);
    EXPECT_EQ(request.metrics[0].name, kRebirth);
    EXPECT_EQ(request.metrics[0].value, Value{true});
    EXPECT_FALSE(request.seq);
    ++asked;
  }
  void send(const std::string& rest, std::optional<std::uint64_t> seq, std::vector<Metric> metrics) {
    reader.take("spBv1.0/G/" + rest, encode({.timestamp_ms = 3000, .seq = seq, .metrics = std::move(metrics)}), now,
                kStart);
  }
  void births() {
    send("NBIRTH/E", 0, {bd_seq(4), born("up", 1, Type::boolean, true)});
    send("DBIRTH/E/D", 1, {born("t", 2, Type::real64, 20.5), born("n", 3, Type::int16, std::uint32_t{0xFFFF})});
    send("DBIRTH/E/F", 2, {born("p", 4, Type::real32, 1.5F)});
  }
  // Without the ends of births.
  std::vector<std::string> take_told() {
    std::erase_if(told, [](const std::string& one) { return one.starts_with("born "); });
    return std::exchange(told, {});
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    reader.tick(now, kStart);
  }

  std::vector<std::string> told;
  WallTime last_time{};
  std::string last_why;
  int asked = 0;
  MonoTime now{1h};
  Reader reader{{.nodes_max = 3, .metrics_max = 10}, *this};
};

// payloads-alias-data-cmd-requirement, payloads-name-requirement, payloads-name-birth-data-requirement
TEST_F(SparkplugReader, FollowsBirthsAndResolvesAliases) {
  births();
  EXPECT_THAT(take_told(), ElementsAre("/up=1", "D/t=20.5", "D/n=-1", "F/p=1.5"));
  send("DDATA/E/D", 3, {changed(3, std::uint32_t{7}), {.name = "t", .timestamp_ms = 5, .value = 21.0}});
  EXPECT_THAT(take_told(), ElementsAre("D/n=7", "D/t=21"));
  EXPECT_EQ(last_time, WallTime{5ms});
  send("NDATA/E", 4, {changed(1, false)});
  EXPECT_THAT(take_told(), ElementsAre("/up=0"));
  EXPECT_EQ(asked, 0);
}

// payloads-sequence-num-incrementing
TEST_F(SparkplugReader, CountsSequenceNumbersFrom255ToZero) {
  births();
  for (std::uint64_t i = 3; i < 600; ++i) send("DDATA/E/D", i % 256, {changed(2, static_cast<double>(i))});
  EXPECT_EQ(take_told().size(), 4U + 597U);
  EXPECT_EQ(reader.counts().out_of_order, 0U);
}

// operational-behavior-host-reordering-param, -start, -success
TEST_F(SparkplugReader, PutsMessagesIntoOrder_WhenTheMissingOneComesInTime) {
  births();
  take_told();
  send("DDATA/E/D", 5, {changed(2, 3.0)});
  send("DDATA/E/D", 4, {changed(2, 2.0)});
  EXPECT_THAT(take_told(), IsEmpty());
  pass(1900ms);
  send("DDATA/E/D", 3, {changed(2, 1.0)});
  EXPECT_THAT(take_told(), ElementsAre("D/t=1", "D/t=2", "D/t=3"));
  pass(10s);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(reader.counts().gaps, 0U);
}

// operational-behavior-host-reordering-rebirth, operational-behavior-data-commands-ncmd-rebirth-verb
TEST_F(SparkplugReader, LosesAllAndAsksForARebirth_WhenAMessageStaysMissing) {
  births();
  take_told();
  send("DDATA/E/D", 4, {changed(2, 2.0)});
  pass(2s);
  EXPECT_THAT(take_told(), testing::UnorderedElementsAre("/up=bad", "D/t=bad", "D/n=bad", "F/p=bad"));
  EXPECT_EQ(asked, 1);
  send("DDATA/E/D", 5, {changed(2, 2.0)});
  EXPECT_THAT(take_told(), IsEmpty()) << "nobody knows what the missing message said";
  births();
  EXPECT_THAT(take_told(), ElementsAre("/up=1", "D/t=20.5", "D/n=-1", "F/p=1.5"));
  EXPECT_EQ(reader.counts().gaps, 1U);
}

// The same message twice, as a broker delivers it to two subscriptions that overlap.
TEST_F(SparkplugReader, NeverTakesWhatWaitedForALaterRoundOfTheNumbers) {
  births();
  for (std::uint64_t i = 3; i < 200; ++i) send("DDATA/E/D", i, {changed(2, static_cast<double>(i))});
  send("DDATA/E/D", 10, {changed(2, 10.0)});
  take_told();
  for (std::uint64_t i = 200; i < 230; ++i) {
    send("DDATA/E/D", i % 256, {changed(2, static_cast<double>(i))});
    pass(100ms);
  }
  EXPECT_EQ(reader.counts().gaps, 1U) << "what came between does not make it wait longer";
  births();
  take_told();
  for (std::uint64_t i = 3; i < 600; ++i) send("DDATA/E/D", i % 256, {changed(2, static_cast<double>(i))});
  const auto all = take_told();
  ASSERT_EQ(all.size(), 597U);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], std::format("D/t={}", i + 3));
}

TEST_F(SparkplugReader, AsksForRebirthsAtABoundedRate) {
  for (std::uint64_t i = 0; i < 99; ++i) {
    send("DDATA/E/D", i, {changed(2, 2.0)});
    pass(100ms);
  }
  EXPECT_EQ(asked, 1);
  pass(100ms);
  EXPECT_EQ(asked, 2) << "again after 10 s";
  births();
  pass(60s);
  EXPECT_EQ(asked, 2);
}

TEST_F(SparkplugReader, AsksLessAndLessOftenWhileBirthsDoNotHelp) {
  std::vector<MonoTime> times;
  births();
  for (std::uint64_t seconds = 0, seq = 3; seconds < 1500; ++seconds, pass(1s)) {
    send("DDATA/E/D", seq++ % 256, {changed(77, 2.0)});
    if (asked == std::ssize(times)) continue;
    times.push_back(now);
    births();
    seq = 3;
  }
  std::vector<std::int64_t> pauses;
  for (std::size_t i = 1; i < times.size(); ++i)
    pauses.push_back(std::chrono::duration_cast<std::chrono::seconds>(times[i] - times[i - 1]).count());
  EXPECT_THAT(pauses, ElementsAre(10, 20, 40, 80, 160, 300, 300, 300));
  births();
  pass(700s);
  asked = 0;
  for (std::uint64_t seq = 3; seq < 14; ++seq, pass(1s)) send("DDATA/E/D", seq, {changed(77, 2.0)});
  EXPECT_EQ(asked, 2) << "after a long peace as in the beginning";
}

TEST_F(SparkplugReader, AsksEdgeNodesThatSayNothing_OnceItIsConnected) {
  reader.follow("G", "E");
  pass(60s);
  EXPECT_EQ(asked, 0) << "nobody would hear it";
  reader.connected(now);
  pass(1900ms);
  EXPECT_EQ(asked, 0) << "it may be born by itself";
  pass(100ms);
  EXPECT_EQ(asked, 1);
  pass(10s);
  EXPECT_EQ(asked, 2) << "a request may be lost";
  births();
  pass(600s);
  EXPECT_EQ(asked, 2);
  reader.lost_connection(kStart);
  pass(600s);
  EXPECT_EQ(asked, 2);
  reader.connected(now);
  pass(2s);
  EXPECT_EQ(asked, 3);
}

TEST_F(SparkplugReader, AsksNobodyWhenItMustNot) {
  Reader silent({.ask_for_rebirth = false}, *this);
  silent.follow("G", "E");
  silent.connected(now);
  silent.take("spBv1.0/G/NDATA/E", encode({.seq = 0}), now, kStart);
  silent.tick(now + 600s, kStart);
  EXPECT_EQ(asked, 0);
}

// operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale, -devices-tags-stale
TEST_F(SparkplugReader, MarksEverythingBad_WhenTheEdgeNodeDies) {
  births();
  take_told();
  send("NDEATH/E", std::nullopt, {bd_seq(4)});
  EXPECT_THAT(take_told(), testing::UnorderedElementsAre("/up=bad", "D/t=bad", "D/n=bad", "F/p=bad"));
  EXPECT_EQ(last_time, kStart) << "the time of receipt: a will's own is that of the connection";
  EXPECT_EQ(last_why, "its edge node has died");
  send("NDEATH/E", std::nullopt, {bd_seq(4)});
  EXPECT_THAT(take_told(), IsEmpty());
  pass(60s);
  EXPECT_EQ(asked, 0) << "it is not there to be asked";
}

// topics-nbirth-bdseq-matching: what it is for
TEST_F(SparkplugReader, PassesOverTheDeathOfAnEarlierSession) {
  births();
  take_told();
  send("NDEATH/E", std::nullopt, {bd_seq(3)});
  EXPECT_THAT(take_told(), IsEmpty());
  EXPECT_EQ(reader.counts().old_deaths, 1U);
}

// operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale, payloads-ddeath-seq-number
TEST_F(SparkplugReader, MarksADevicesMetricsBad_WhenItDies_WithTheTimeOfItsDeath) {
  births();
  take_told();
  send("DDEATH/E/F", 3, {});
  EXPECT_THAT(take_told(), ElementsAre("F/p=bad"));
  EXPECT_EQ(last_time, WallTime{3000ms});
  send("DDATA/E/F", 4, {changed(4, 1.0F)});
  EXPECT_THAT(take_told(), IsEmpty());
  EXPECT_EQ(reader.counts().before_birth, 1U);
  send("DBIRTH/E/F", 5, {born("p", 4, Type::real32, 2.5F)});
  EXPECT_THAT(take_told(), ElementsAre("F/p=2.5"));
}

TEST_F(SparkplugReader, KeepsDevicesBadAfterANodeBirthUntilTheirOwn) {
  births();
  take_told();
  send("NBIRTH/E", 0, {bd_seq(5)});
  EXPECT_THAT(take_told(), testing::UnorderedElementsAre("/up=bad", "D/t=bad", "D/n=bad", "F/p=bad"));
  send("DDATA/E/D", 1, {changed(2, 1.0)});
  EXPECT_THAT(take_told(), IsEmpty());
}

TEST_F(SparkplugReader, GivesABadReading_WhenABirthLiesAboutItsTypes) {
  send("NBIRTH/E", 0,
       {bd_seq(0),
        born("a", 1, Type::int32, std::string("5")),
        born("b", 2, Type::real64, 5.0F),
        born("c", 3, static_cast<Type>(99), 5.0),
        born("d", 4, Type::int8, std::uint32_t{300}),
        born("e", 5, Type::real64, std::nan("")),
        {.name = "f", .alias = 6, .value = 5.0}});
  EXPECT_THAT(take_told(), ElementsAre("/a=bad", "/b=bad", "/c=bad", "/d=bad", "/e=bad", "/f=bad"));
  EXPECT_EQ(reader.counts().bad_values, 6U);
  send("NDATA/E", 1, {changed(1, std::uint32_t{5}), changed(2, 5.0F), changed(3, 5.0), changed(6, 1.0)});
  EXPECT_THAT(take_told(), ElementsAre("/a=5", "/b=bad", "/c=bad", "/f=bad"));
  Metric other = changed(1, 5.0);
  other.type = code(Type::real64);
  send("NDATA/E", 2, {other});
  EXPECT_THAT(take_told(), ElementsAre("/a=bad")) << "another type than the birth said";
}

// payloads-alias-uniqueness
TEST_F(SparkplugReader, TrustsAnAliasOfTwoMetricsForNeither) {
  send("NBIRTH/E", 0, {bd_seq(0), born("a", 1, Type::real64, 1.0), born("b", 1, Type::real64, 2.0)});
  EXPECT_THAT(take_told(), ElementsAre("/a=1", "/b=2"));
  send("NDATA/E", 1, {changed(1, 9.0)});
  EXPECT_THAT(take_told(), IsEmpty());
  EXPECT_EQ(reader.counts().alias_conflicts, 1U);
  send("DBIRTH/E/D", 2, {born("c", 2, Type::real64, 1.0)});
  send("NDATA/E", 3, {changed(2, 9.0)});
  EXPECT_THAT(take_told(), ElementsAre("D/c=1")) << "an alias of a device is none of the edge node itself";
  EXPECT_EQ(reader.counts().unknown_metrics, 2U);
}

// operational-behavior-host-application...: chapter 5.13, "other reasons a Host Application may send out" requests
TEST_F(SparkplugReader, AsksForARebirth_WhenAMetricOrAnEdgeNodeIsUnknown) {
  births();
  send("DDATA/E/D", 3, {changed(77, 2.0), changed(2, 4.0)});
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(take_told().back(), "D/t=4");
  EXPECT_EQ(reader.counts().unknown_metrics, 1U);
}

TEST_F(SparkplugReader, TakesOneAliasOfAMetric_HoweverOftenABirthNamesIt) {
  std::vector<Metric> metrics{bd_seq(0)};
  for (std::uint64_t alias = 1; alias <= 1000; ++alias) metrics.push_back(born("a", alias, Type::real64, 1.0));
  metrics.push_back({.name = "a", .timestamp_ms = 1, .type = code(Type::real64), .value = 2.0});
  send("NBIRTH/E", 0, metrics);
  EXPECT_THAT(take_told(), ElementsAre("/a=1", "/a=2"));
  EXPECT_EQ(reader.counts().malformed, 999U);
  EXPECT_EQ(reader.metrics(), 1U);
  send("NDATA/E", 1, {changed(500, 9.0), changed(1, 3.0)});
  EXPECT_THAT(take_told(), ElementsAre("/a=3"));
  EXPECT_EQ(reader.counts().unknown_metrics, 1U);
}

TEST_F(SparkplugReader, TellsWhenABirthIsComplete) {
  births();
  EXPECT_THAT(std::exchange(told, {}),
              ElementsAre("/up=1", "born E/", "D/t=20.5", "D/n=-1", "born E/D", "F/p=1.5", "born E/F"));
  send("DBIRTH/E/D", 3, {born("n", 3, Type::int16, std::uint32_t{1})});
  EXPECT_THAT(told, ElementsAre("D/n=1", "D/t=bad", "born E/D"));
}

TEST_F(SparkplugReader, TellsNullBadQualityAndHistory) {
  births();
  take_told();
  Metric null = changed(2, {});
  null.is_null = true;
  Metric bad = changed(2, 5.0), stale = changed(2, 6.0), old = changed(2, 7.0);
  bad.quality = kQualityBad;
  stale.quality = kQualityStale;
  old.is_historical = true;
  send("DDATA/E/D", 3, {null, bad, stale, old});
  EXPECT_THAT(take_told(), ElementsAre("D/t=bad", "D/t=bad", "D/t=6?", "D/t=7 then"));
  EXPECT_EQ(reader.counts().bad_values, 0U);
}

TEST_F(SparkplugReader, TellsATextMetricAsBadOnce) {
  send("NBIRTH/E", 0, {bd_seq(0), born("state", 1, Type::string, std::string("on"))});
  send("NDATA/E", 1, {changed(1, std::string("off"))});
  EXPECT_THAT(take_told(), ElementsAre("/state=bad"));
  EXPECT_EQ(reader.counts().not_numbers, 2U);
}

TEST_F(SparkplugReader, ForgetsMetricsThatANewBirthNoLongerNames) {
  births();
  take_told();
  send("DBIRTH/E/D", 3, {born("t", 9, Type::real64, 1.0)});
  EXPECT_THAT(take_told(), ElementsAre("D/t=1", "D/n=bad"));
  send("DDATA/E/D", 4, {changed(3, std::uint32_t{1}), changed(2, 5.0), changed(9, 2.0)});
  EXPECT_THAT(take_told(), ElementsAre("D/t=2"));
  EXPECT_EQ(reader.counts().unknown_metrics, 2U);
}

// Chapter 5.4: "MUST be updated to a STALE data quality if the Host Application loses connection to the MQTT Server"
TEST_F(SparkplugReader, MarksEverythingBad_WhenTheConnectionIsLost) {
  births();
  take_told();
  reader.lost_connection(kStart);
  EXPECT_EQ(take_told().size(), 4U);
  EXPECT_EQ(asked, 0);
}

TEST_F(SparkplugReader, StaysWithinItsBounds) {
  for (int i = 0; i < 10; ++i)
    reader.take(std::format("spBv1.0/G/NBIRTH/E{}", i), encode({.seq = 0, .metrics = {bd_seq(0)}}), now, kStart);
  EXPECT_EQ(reader.counts().refused, 7U);
  std::vector<Metric> many;
  for (int i = 0; i < 100; ++i) many.push_back({.name = std::to_string(i), .type = code(Type::real64), .value = 1.0});
  reader.take("spBv1.0/G/NBIRTH/E0", encode({.seq = 0, .metrics = many}), now, kStart);
  EXPECT_EQ(reader.metrics(), 10U);
  reader.take("spBv1.0/G/DBIRTH/E0/D", encode({.seq = 1, .metrics = many}), now, kStart);
  EXPECT_EQ(reader.metrics(), 10U);
  reader.take("spBv1.0/G/NBIRTH/E0", encode({.seq = 0, .metrics = {bd_seq(0)}}), now, kStart);
  EXPECT_EQ(reader.metrics(), 0U);
  for (std::uint64_t i = 10; i < 110; ++i)
    reader.take("spBv1.0/G/NDATA/E0", encode({.seq = i, .metrics = {}}), now, kStart);
  EXPECT_EQ(reader.counts().gaps, 1U) << "what waits for a missing message is bounded";
  EXPECT_EQ(reader.bytes(), 0U);
}

// However many messages, edge nodes and names there are.
TEST_F(SparkplugReader, KeepsNoMoreBytesThanItMay) {
  constexpr std::size_t kMax = 100'000;
  Reader small({.bytes_max = kMax}, *this);
  const auto give = [&](const std::string& topic, std::uint64_t seq, std::vector<Metric> metrics) {
    small.take("spBv1.0/G/" + topic, encode({.seq = seq, .metrics = std::move(metrics)}), now, kStart);
    ASSERT_LE(small.bytes(), kMax);
  };
  const std::string text(4000, 'x');
  for (int node = 0; node < 10; ++node) {
    give(std::format("NBIRTH/E{}", node), 0, {bd_seq(0)});
    for (std::uint64_t i = 0; i < 10; ++i) give(std::format("NDATA/E{}", node), 9 + i, {{.name = "a", .value = text}});
  }
  EXPECT_GT(small.counts().gaps, 7U);
  EXPECT_GT(small.bytes(), kMax / 2);
  small.tick(now + 2s, kStart);
  EXPECT_EQ(small.bytes(), 0U) << "given back";
  std::vector<Metric> many;
  for (int i = 0; i < 100; ++i)
    many.push_back({.name = std::format("{:0>1000}", i), .type = code(Type::real64), .value = 1.0});
  give("NBIRTH/E0", 0, many);
  give("DBIRTH/E0/D", 1, many);
  EXPECT_GT(small.counts().refused, 150U);
  EXPECT_GT(small.bytes(), kMax / 2);
  give("NBIRTH/E0", 0, {bd_seq(0)});
  EXPECT_EQ(small.bytes(), 0U) << "given back";
}

TEST_F(SparkplugReader, CountsWhatItCantReadAndGoesOn) {
  births();
  take_told();
  reader.take("spBv1.0/G/DDATA/E", {}, now, kStart);
  reader.take("garbage", {}, now, kStart);
  const Bytes garbage{0xFF, 0xFF};
  reader.take("spBv1.0/G/DDATA/E/D", garbage, now, kStart);
  EXPECT_EQ(reader.counts().malformed, 3U);
  send("DDATA/E/D", 3, {changed(2, 4.0)});
  EXPECT_THAT(take_told(), ElementsAre("D/t=4"));
  send("DDATA/E/D", 900, {changed(2, 4.0)});
  EXPECT_EQ(reader.counts().malformed, 4U) << "no sequence number";
  EXPECT_EQ(take_told().size(), 4U);
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace lineside::wire::sparkplug
