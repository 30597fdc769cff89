#include "gateway/sparkplug/edge_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <format>
#include <set>

// Each test names the clauses of the Sparkplug 3.0 specification that it covers, without their "tck-id-".

namespace lineside::gateway {
namespace {

namespace sparkplug = wire::sparkplug;
using sparkplug::Metric;
using sparkplug::Payload;
using sparkplug::Type;
using testing::ElementsAre;
using namespace std::chrono_literals;

constexpr WallTime kNow{1'700'000'000s};
constexpr std::uint64_t kNowMs = 1'700'000'000'000;

config::TelemetrySettings telemetry() {
  config::TelemetrySettings settings;
  settings.sources.resize(2);
  settings.sources[0].name = "boiler";
  settings.sources[1].name = "pump";
  const auto add = [&](std::string name, std::string source, std::string unit) {
    auto& tag = settings.tags.emplace_back();
    tag.name = std::move(name);
    tag.source = std::move(source);
    tag.unit = std::move(unit);
  };
  add("feed/temperature", "boiler", "°C");
  add("speed", "pump", "1/min");
  add("feed/pressure", "boiler", "");
  return settings;
}

config::SparkplugSettings settings() {
  config::SparkplugSettings made;
  made.group = "plant 1";
  return made;
}

EdgeNode node() { return EdgeNode::create(settings(), "line-3", "1.2", telemetry()).value(); }

Sample sample(std::size_t tag, double value, std::chrono::milliseconds after = 0ms, Quality quality = Quality::good) {
  return {.tag = tag, .source_time = kNow + after, .received = kNow + after, .value = value, .quality = quality};
}

Payload decoded(const EdgeNode::Message& message) { return sparkplug::decode(message.payload).value(); }

std::uint32_t code(Type type) { return static_cast<std::uint32_t>(type); }

std::string error_of(const config::SparkplugSettings& made, const config::TelemetrySettings& tags) {
  const auto node = EdgeNode::create(made, "line-3", "1.2", tags);
  return node ? "none" : node.error().message;
}

// topics-nbirth-topic, topics-nbirth-seq-num, topics-nbirth-timestamp, topics-nbirth-metrics,
// topics-nbirth-metric-reqs, topics-nbirth-bdseq-included, topics-nbirth-rebirth-metric, payloads-nbirth-timestamp,
// payloads-nbirth-seq, payloads-nbirth-bdseq, payloads-nbirth-rebirth-req, payloads-sequence-num-req-nbirth,
// payloads-metric-datatype-req, payloads-alias-birth-requirement, operational-behavior-data-commands-rebirth-name,
// -rebirth-name-aliases, -rebirth-datatype, -rebirth-value, operational-behavior-data-publish-nbirth,
// message-flow-edge-node-birth-publish-nbirth-topic, -nbirth-payload, -nbirth-payload-bdSeq, -nbirth-payload-seq
TEST(EdgeNode, TellsItselfAtItsBirth) {
  EdgeNode made = node();
  const auto message = made.birth(7, 3, kNow);
  EXPECT_EQ(message.topic, "spBv1.0/plant 1/NBIRTH/line-3");
  const Payload birth = decoded(message);
  EXPECT_EQ(birth.timestamp_ms, kNowMs);
  EXPECT_EQ(birth.seq, 0U);
  ASSERT_EQ(birth.metrics.size(), 4U);
  const auto expect = [&](std::size_t i, std::string_view name, Type type, const sparkplug::Value& value) {
    EXPECT_EQ(birth.metrics[i].name, name);
    EXPECT_EQ(birth.metrics[i].type, code(type));
    EXPECT_EQ(birth.metrics[i].value, value);
    EXPECT_EQ(birth.metrics[i].timestamp_ms, kNowMs);
    EXPECT_EQ(birth.metrics[i].alias.has_value(), name != sparkplug::kRebirth);
  };
  expect(0, "bdSeq", Type::int64, std::uint64_t{7});
  expect(1, "Node Control/Rebirth", Type::boolean, false);
  expect(2, kLostSamplesMetric, Type::uint64, std::uint64_t{3});
  expect(3, kVersionMetric, Type::string, std::string("1.2"));
  const Payload data = decoded(made.data(4, kNow));
  EXPECT_EQ(data.metrics.at(0).alias, birth.metrics[2].alias);
  EXPECT_EQ(data.metrics.at(0).value, sparkplug::Value{std::uint64_t{4}});
}

// topics-ndeath-topic, topics-ndeath-payload, topics-ndeath-seq, payloads-ndeath-seq, payloads-ndeath-bdseq,
// payloads-sequence-num-always-included
TEST(EdgeNode, TellsOnlyItsSessionsNumberInItsDeath) {
  EdgeNode made = node();
  const auto message = made.death(7, kNow);
  EXPECT_EQ(message.topic, "spBv1.0/plant 1/NDEATH/line-3");
  const Payload death = decoded(message);
  EXPECT_FALSE(death.seq);
  ASSERT_EQ(death.metrics.size(), 1U);
  EXPECT_EQ(death.metrics[0].name, "bdSeq");
  EXPECT_EQ(death.metrics[0].type, code(Type::int64));
  EXPECT_EQ(death.metrics[0].value, sparkplug::Value{std::uint64_t{7}});
}

// topics-dbirth-topic, topics-dbirth-seq, topics-dbirth-timestamp, topics-dbirth-metric-reqs, topics-dbirth-metrics,
// payloads-dbirth-timestamp, payloads-dbirth-seq, payloads-dbirth-seq-inc, payloads-alias-uniqueness,
// operational-behavior-data-publish-dbirth, -dbirth-values, -dbirth-order, payloads-metric-propertyvalue-type-req,
// message-flow-device-birth-publish-dbirth-topic, -dbirth-match-edge-node-topic, -dbirth-payload, -dbirth-payload-seq,
// topic-structure-namespace-unique-device-id
TEST(EdgeNode, TellsAllTagsOfASourceAtItsDevicesBirth) {
  EdgeNode made = node();
  const Payload own = decoded(made.birth(0, 0, kNow));
  const std::vector<std::optional<Sample>> current{sample(0, 81.5, -1h), std::nullopt};
  const auto message = made.device_birth(0, current, kNow);
  EXPECT_EQ(message.topic, "spBv1.0/plant 1/DBIRTH/line-3/boiler");
  const Payload birth = decoded(message);
  EXPECT_EQ(birth.timestamp_ms, kNowMs);
  EXPECT_EQ(birth.seq, 1U);
  ASSERT_EQ(birth.metrics.size(), 2U);
  EXPECT_EQ(birth.metrics[0].name, "feed/temperature");
  EXPECT_EQ(birth.metrics[0].type, code(Type::real64));
  EXPECT_EQ(birth.metrics[0].value, sparkplug::Value{81.5});
  EXPECT_EQ(birth.metrics[0].unit, "°C");
  EXPECT_EQ(birth.metrics[0].quality, std::nullopt);
  EXPECT_EQ(birth.metrics[0].timestamp_ms, kNowMs - 3'600'000);
  EXPECT_EQ(birth.metrics[1].name, "feed/pressure");
  EXPECT_TRUE(birth.metrics[1].is_null) << "not read yet";
  EXPECT_EQ(birth.metrics[1].quality, sparkplug::kQualityStale);
  const std::vector<std::optional<Sample>> none(1);
  std::set<std::uint64_t> aliases;
  std::size_t with_alias = 0;
  for (const Payload& payload : {own, birth, decoded(made.device_birth(1, none, kNow))})
    for (const Metric& metric : payload.metrics)
      if (metric.alias) aliases.insert(*metric.alias), ++with_alias;
  EXPECT_EQ(aliases.size(), with_alias);
  EXPECT_EQ(with_alias, 6U);
}

// topics-ddata-topic, topics-ddata-seq-num, topics-ddata-timestamp, topics-ddata-payload, payloads-ddata-timestamp,
// payloads-ddata-seq, payloads-alias-data-cmd-requirement, payloads-metric-datatype-not-req,
// payloads-name-birth-data-requirement, operational-behavior-data-publish-dbirth-order
TEST(EdgeNode, SendsDataByAliasInTheOrderOfTime) {
  EdgeNode made = node();
  (void)made.birth(0, 0, kNow);
  const std::array samples{sample(2, 3.5, 20ms), sample(0, 80, 10ms), sample(0, 81, 30ms)};
  const auto message = made.device_data(0, samples, false, kNow);
  EXPECT_EQ(message.topic, "spBv1.0/plant 1/DDATA/line-3/boiler");
  const Payload data = decoded(message);
  EXPECT_EQ(data.seq, 1U);
  std::vector<double> values;
  for (const Metric& metric : data.metrics) {
    EXPECT_TRUE(metric.name.empty());
    EXPECT_FALSE(metric.type);
    EXPECT_FALSE(metric.is_historical);
    EXPECT_TRUE(metric.timestamp_ms);
    values.push_back(std::get<double>(metric.value));
  }
  EXPECT_THAT(values, ElementsAre(80, 3.5, 81));
  for (const Metric& metric : decoded(made.device_data(0, samples, true, kNow)).metrics)
    EXPECT_TRUE(metric.is_historical);
}

// payloads-propertyset-quality-value-type, payloads-propertyset-quality-value-value
TEST(EdgeNode, NeverGivesABadOrInfiniteReadingAValue) {
  EdgeNode made = node();
  const std::array samples{sample(0, 1, 0ms, Quality::uncertain), sample(0, std::nan(""), 1ms, Quality::bad),
                           sample(0, std::numeric_limits<double>::infinity(), 2ms), sample(0, 4, 3ms),
                           sample(0, 5, 4ms, Quality::bad)};
  const Payload data = decoded(made.device_data(0, samples, false, kNow));
  EXPECT_EQ(data.metrics[0].quality, sparkplug::kQualityStale);
  EXPECT_EQ(data.metrics[0].value, sparkplug::Value{1.0});
  for (const std::size_t i : {1U, 2U, 4U}) {
    EXPECT_EQ(data.metrics[i].quality, sparkplug::kQualityBad);
    EXPECT_TRUE(data.metrics[i].is_null);
    EXPECT_EQ(data.metrics[i].value, sparkplug::Value{});
  }
  EXPECT_EQ(data.metrics[3].quality, std::nullopt);
}

// topics-ddeath-topic, topics-ddeath-seq-num, payloads-ddeath-timestamp, payloads-ddeath-seq, payloads-ddeath-seq-inc,
// payloads-ddeath-seq-number
TEST(EdgeNode, TellsADevicesDeathWithItsTime) {
  EdgeNode made = node();
  (void)made.birth(0, 0, kNow);
  const auto message = made.device_death(1, kNow);
  EXPECT_EQ(message.topic, "spBv1.0/plant 1/DDEATH/line-3/pump");
  EXPECT_EQ(decoded(message).seq, 1U);
  EXPECT_EQ(decoded(message).timestamp_ms, kNowMs);
}

// payloads-sequence-num-incrementing, payloads-ddata-seq-inc, payloads-ndata-seq-inc, topics-ndata-seq-num,
// topics-ndata-topic, topics-ndata-timestamp
TEST(EdgeNode, CountsItsMessagesFrom255ToZero_AndAgainFromABirth) {
  EdgeNode made = node();
  EXPECT_EQ(decoded(made.birth(0, 0, kNow)).seq, 0U);
  for (std::uint64_t i = 1; i < 600; ++i) {
    const auto message = i % 2 == 0 ? made.data(i, kNow) : made.device_death(0, kNow);
    ASSERT_EQ(decoded(message).seq, i % 256);
  }
  EXPECT_EQ(made.data(0, kNow).topic, "spBv1.0/plant 1/NDATA/line-3");
  EXPECT_EQ(decoded(made.birth(0, 0, kNow)).seq, 0U);
}

TEST(EdgeNode, TellsWhenAReadingCame_WhereItsSourcesClockCantBeRight) {
  Sample one = sample(0, 1);
  one.source_time = kNow - 24h;
  EXPECT_EQ(time_ms_of(one), kNowMs - 86'400'000) << "late is not wrong";
  one.source_time = kNow + 2min;
  EXPECT_EQ(time_ms_of(one), kNowMs);
  one.source_time = WallTime{};
  EXPECT_EQ(time_ms_of(one), kNowMs);
}

TEST(EdgeNode, PublishesTheTagsThatWereChosen) {
  auto made = settings();
  made.tags = {"feed/"};
  const auto some = EdgeNode::create(made, "line-3", "", telemetry()).value();
  EXPECT_TRUE(some.published(0) && some.published(2));
  EXPECT_FALSE(some.published(1) || some.published(3));
  made.tags = {"speed"};
  EXPECT_TRUE(EdgeNode::create(made, "line-3", "", telemetry()).value().published(1));
  made.tags = {"feed"};
  EXPECT_THAT(error_of(made, telemetry()), testing::HasSubstr("sparkplug.tags"));
}

// topic-structure-namespace-valid-group-id, -edge-node-id, -device-id, topic-structure-namespace-unique-device-id
TEST(EdgeNode, IsNotMadeOfNamesThatCantBeTold) {
  auto made = settings();
  made.group = "a/b";
  EXPECT_THAT(error_of(made, telemetry()), testing::HasSubstr("group"));
  made = settings();
  made.edge_node = "#";
  EXPECT_THAT(error_of(made, telemetry()), testing::HasSubstr("edge node"));
  auto tags = telemetry();
  tags.sources[0].name = "a+b";
  tags.tags[0].source = tags.tags[2].source = "a+b";
  EXPECT_THAT(error_of(settings(), tags), testing::HasSubstr("device"));
  tags = telemetry();
  tags.tags[2].name = tags.tags[0].name;
  EXPECT_THAT(error_of(settings(), tags), testing::HasSubstr("same name"));
  tags = telemetry();
  tags.tags[1].source = "motor";
  EXPECT_THAT(error_of(settings(), tags), testing::HasSubstr("no source"));
  tags = telemetry();
  for (int i = 0; i < 20'000; ++i) {
    auto& tag = tags.tags.emplace_back(tags.tags[0]);
    tag.name = std::format("{:0>1000}", i);
  }
  EXPECT_THAT(error_of(settings(), tags), testing::HasSubstr("too many tags"));
}

}  // namespace
}  // namespace lineside::gateway
