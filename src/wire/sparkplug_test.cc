#include "wire/sparkplug.h"

#include <gtest/gtest.h>

#include <limits>

#include "model/sparkplug_id.h"

// Each test names the clauses of the Sparkplug 3.0 specification that it covers, without their "tck-id-".

namespace lineside::wire::sparkplug {
namespace {

constexpr std::uint64_t kSent = 1'486'144'502'122, kTaken = 1'479'123'452'194;

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

ByteView view(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

std::uint32_t code(Type type) { return static_cast<std::uint32_t>(type); }

// payloads-timestamp-in-UTC, payloads-metric-datatype-value-type, payloads-alias-birth-requirement: the example
// of 6.4.2.
TEST(Sparkplug, WritesTheSpecificationsExampleByteByByte) {
  const Payload payload{
      .timestamp_ms = kSent,
      .seq = 2,
      .metrics = {
          {.name = "My Metric", .alias = 1, .timestamp_ms = kTaken, .type = code(Type::string), .value = "Test"}}};
  const Bytes expected = from_hex(
      "08eaf2f5a8a02b"                                                // timestamp
      "121c0a094d79204d6574726963100118a2828395862b200c7a0454657374"  // name, alias, timestamp, type, text
      "1802");                                                        // seq
  EXPECT_EQ(encode(payload), expected);
  const auto decoded = decode(expected).value();
  EXPECT_EQ(decoded.timestamp_ms, kSent);
  EXPECT_EQ(decoded.seq, 2U);
  EXPECT_EQ(decoded.metrics, payload.metrics);
  EXPECT_EQ(decoded.unreadable, 0U);
}

// topics-ndeath-payload, topics-ndeath-seq, payloads-ndeath-seq, payloads-ndeath-bdseq
TEST(Sparkplug, WritesANodeDeathByteByByte) {
  const Payload death{
      .timestamp_ms = kSent,
      .metrics = {{.name = "bdSeq", .timestamp_ms = kSent, .type = code(Type::int64), .value = std::uint64_t{7}}}};
  EXPECT_EQ(encode(death), from_hex("08eaf2f5a8a02b12120a05626453657118eaf2f5a8a02b20045807"));
}

// operational-behavior-data-commands-ncmd-rebirth-name, -value; topics-ncmd-timestamp, payloads-ncmd-timestamp,
// payloads-ncmd-seq
TEST(Sparkplug, WritesARebirthRequestByteByByte) {
  EXPECT_EQ(rebirth_request(from_ms(kSent)),
            from_hex("08eaf2f5a8a02b12210a144e6f646520436f6e74726f6c2f5265626972746818eaf2f5a8a02b200b7001"));
}

// payloads-alias-data-cmd-requirement, payloads-metric-datatype-not-req, payloads-propertyset-quality-value-type,
// payloads-propertyset-quality-value-value, payloads-propertyset-keys-array-size,
// payloads-propertyset-values-array-size
TEST(Sparkplug, WritesHistoricalDataOfDoubtfulQualityByteByByte) {
  const Payload data{
      .timestamp_ms = kSent,
      .seq = 255,
      .metrics = {
          {.alias = 300, .timestamp_ms = kSent, .is_historical = true, .quality = kQualityStale, .value = -2.5}}};
  const Bytes expected = from_hex(
      "08eaf2f5a8a02b"
      "122710ac0218eaf2f5a8a02b2801"          // alias, timestamp, is_historical
      "4a100a075175616c6974791205080318f403"  // Quality, type 3, int_value 500
      "6900000000000004c0"                    // double_value
      "18ff01");
  EXPECT_EQ(encode(data), expected);
  EXPECT_EQ(decode(expected).value().metrics, data.metrics);
}

TEST(Sparkplug, BringsEveryKindOfValueBackAsItWas) {
  const std::vector<Value> values{std::monostate{},
                                  std::uint32_t{0xFFFFFFFF},
                                  std::numeric_limits<std::uint64_t>::max(),
                                  1.5F,
                                  -1e300,
                                  true,
                                  std::string("Kälte"),
                                  Other{}};
  Payload payload;
  for (const Value& value : values) payload.metrics.push_back({.name = "a/b", .unit = "°C", .value = value});
  payload.metrics.push_back({.alias = 0, .is_transient = true, .is_null = true, .quality = kQualityBad});
  const auto decoded = decode(encode(payload)).value();
  EXPECT_EQ(decoded.metrics, payload.metrics);
  EXPECT_FALSE(decoded.seq);
  std::size_t bytes = 0;
  for (const Metric& metric : payload.metrics) bytes += encoded_bytes(metric);
  EXPECT_EQ(encode(payload).size(), bytes);
}

// operational-behavior-data-publish-nbirth-values, operational-behavior-data-publish-dbirth-values
TEST(Sparkplug, SendsNoValueOfAMetricThatIsNull) {
  const auto decoded = decode(encode({.metrics = {{.name = "a", .is_null = true, .value = 3.0}}})).value();
  EXPECT_EQ(decoded.metrics.at(0).value, Value{});
}

TEST(Sparkplug, TakesTextsThatAreTooLongOrNoUtf8ForNothing) {
  const auto decoded = [](std::string_view hex) { return decode(from_hex(hex)).value(); };
  EXPECT_EQ(decoded("12060a01617a01ff").metrics.at(0).value, Value{Other{}});  // name "a", text 0xFF
  EXPECT_EQ(decoded("12030a01ff").unreadable, 1U) << "a name that is no UTF-8";
  EXPECT_EQ(decoded("1200").unreadable, 1U) << "neither name nor alias";
  EXPECT_EQ(decoded("1204100e0aff").unreadable, 1U) << "cut off inside";
}

TEST(Sparkplug, TakesPropertiesThatCantBeReadForBadQuality) {
  const auto quality = [](std::string_view properties) {
    Bytes metric = from_hex("1001");
    const Bytes bytes = from_hex(properties);
    metric.push_back(0x4a);
    metric.push_back(static_cast<std::uint8_t>(bytes.size()));
    metric.insert(metric.end(), bytes.begin(), bytes.end());
    metric.insert(metric.begin(), {0x12, static_cast<std::uint8_t>(metric.size())});
    return decode(metric).value().metrics.at(0).quality;
  };
  EXPECT_EQ(quality("0a075175616c6974791205080318c001"), kQualityGood);
  EXPECT_EQ(quality("0a075175616c69747912040803182a"), kQualityBad) << "a code that is none";
  EXPECT_EQ(quality("0a075175616c697479"), kQualityBad) << "a key without a value";
  EXPECT_EQ(quality("0a01781202080c"), std::nullopt) << "another property";
}

TEST(Sparkplug, RefusesWhatIsTooLongOrNoProtobuf) {
  EXPECT_FALSE(decode(Bytes(kPayloadBytesMax + 1)));
  EXPECT_FALSE(decode(from_hex("12ff")));
  EXPECT_FALSE(decode(from_hex("0bff0c"))) << "a group";
  Bytes many;
  for (std::size_t i = 0; i <= kMetricsMax; ++i) many.insert(many.end(), {0x12, 0x02, 0x10, 0x01});
  EXPECT_FALSE(decode(many));
}

// payloads-metric-datatype-value; 6.4.16 "Datatype Details": signed types are two's complement in unsigned fields.
TEST(Sparkplug, ReadsANumberOnlyAsItsTypeSays) {
  const auto number = [](Type type, const Value& value) { return number_of(code(type), value); };
  EXPECT_EQ(number(Type::int8, std::uint32_t{0xFFFFFFFF}), -1);
  EXPECT_EQ(number(Type::int8, std::uint32_t{0xFF}), -1);
  EXPECT_EQ(number(Type::int8, std::uint32_t{127}), 127);
  EXPECT_EQ(number(Type::int8, std::uint32_t{256}), std::nullopt);
  EXPECT_EQ(number(Type::int16, std::uint32_t{0xFFFF8000}), -32768);
  EXPECT_EQ(number(Type::int32, std::uint32_t{0x80000000}), -2147483648.0);
  EXPECT_EQ(number(Type::int32, std::uint64_t{0xFFFFFFFFFFFFFFFE}), -2);
  EXPECT_EQ(number(Type::int32, std::uint64_t{1} << 40), std::nullopt);
  EXPECT_EQ(number(Type::int64, std::uint64_t{0xFFFFFFFFFFFFFFFF}), -1);
  EXPECT_EQ(number(Type::int64, std::uint32_t{5}), 5);
  EXPECT_EQ(number(Type::int64, std::uint32_t{0xFFFFFFFF}), std::nullopt) << "-1 or 4294967295?";
  EXPECT_EQ(number(Type::uint8, std::uint32_t{255}), 255);
  EXPECT_EQ(number(Type::uint8, std::uint32_t{256}), std::nullopt);
  EXPECT_EQ(number(Type::uint32, std::uint64_t{0xFFFFFFFF}), 4294967295.0) << "some send it so";
  EXPECT_EQ(number(Type::uint64, std::numeric_limits<std::uint64_t>::max()), 0x1p64);
  EXPECT_EQ(number(Type::date_time, kSent), static_cast<double>(kSent));
  EXPECT_EQ(number(Type::real32, 1.5F), 1.5);
  EXPECT_EQ(number(Type::real64, -1e300), -1e300);
  EXPECT_EQ(number(Type::boolean, true), 1);
}

TEST(Sparkplug, ReadsNoNumberFromAnotherTypeOrOneThatIsNotFinite) {
  const Value one_as_text = std::string("1");
  for (std::uint32_t type = 0; type <= 40; ++type) EXPECT_EQ(number_of(type, one_as_text), std::nullopt) << type;
  EXPECT_EQ(number_of(code(Type::real64), 1.5F), std::nullopt);
  EXPECT_EQ(number_of(code(Type::real32), 1.5), std::nullopt);
  EXPECT_EQ(number_of(code(Type::boolean), std::uint32_t{1}), std::nullopt);
  EXPECT_EQ(number_of(code(Type::int32), true), std::nullopt);
  EXPECT_EQ(number_of(code(Type::real64), std::numeric_limits<double>::quiet_NaN()), std::nullopt);
  EXPECT_EQ(number_of(code(Type::real32), std::numeric_limits<float>::infinity()), std::nullopt);
  EXPECT_EQ(number_of(code(Type::real64), Value{}), std::nullopt);
  EXPECT_TRUE(is_number(code(Type::int8)) && is_number(code(Type::boolean)) && is_number(code(Type::date_time)));
  EXPECT_FALSE(is_number(0) || is_number(code(Type::string)) || is_number(code(Type::text)) || is_number(16));
}

// topic-structure, topic-structure-namespace-a, topics-nbirth-topic, topics-ndeath-topic, topics-ndata-topic,
// topics-ncmd-topic, topics-dbirth-topic, topics-ddeath-topic, topics-ddata-topic, topics-dcmd-topic,
// host-topic-phid-birth-topic, topic-structure-namespace-device-id-associated-message-types,
// topic-structure-namespace-device-id-non-associated-message-types
TEST(Sparkplug, MakesAndReadsEveryTopic) {
  const std::vector<std::pair<std::string, Topic>> topics{
      {"spBv1.0/G 1/NBIRTH/E", {.verb = Verb::nbirth, .group = "G 1", .edge_node = "E"}},
      {"spBv1.0/G 1/NDEATH/E", {.verb = Verb::ndeath, .group = "G 1", .edge_node = "E"}},
      {"spBv1.0/G 1/NDATA/E", {.verb = Verb::ndata, .group = "G 1", .edge_node = "E"}},
      {"spBv1.0/G 1/NCMD/E", {.verb = Verb::ncmd, .group = "G 1", .edge_node = "E"}},
      {"spBv1.0/G 1/DBIRTH/E/D", {.verb = Verb::dbirth, .group = "G 1", .edge_node = "E", .device = "D"}},
      {"spBv1.0/G 1/DDEATH/E/D", {.verb = Verb::ddeath, .group = "G 1", .edge_node = "E", .device = "D"}},
      {"spBv1.0/G 1/DDATA/E/D", {.verb = Verb::ddata, .group = "G 1", .edge_node = "E", .device = "D"}},
      {"spBv1.0/G 1/DCMD/E/D", {.verb = Verb::dcmd, .group = "G 1", .edge_node = "E", .device = "D"}},
      {"spBv1.0/STATE/host", {.verb = Verb::state, .host = "host"}}};
  for (const auto& [text, topic] : topics) {
    EXPECT_EQ(make_topic(topic), text);
    const auto parsed = parse_topic(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, topic) << text;
  }
  for (const char* text :
       {"", "spBv1.0", "spAv1.0/G/NDATA/E", "spbv1.0/G/NDATA/E", "spBv1.0/G/NDATA", "spBv1.0/G/NDATA/",
        "spBv1.0/G/NDATA/E/D", "spBv1.0/G/DDATA/E", "spBv1.0/G/DDATA/E/D/X", "spBv1.0/G/ddata/E/D", "spBv1.0/G/XDATA/E",
        "spBv1.0//NDATA/E", "spBv1.0/STATE/", "spBv1.0/STATE/h/x", "STATE/h"})
    EXPECT_FALSE(parse_topic(text)) << text;
}

// topic-structure-namespace-valid-group-id, topic-structure-namespace-valid-edge-node-id,
// topic-structure-namespace-valid-device-id, intro-group-id-string, intro-group-id-chars, intro-edge-node-id-string,
// intro-edge-node-id-chars, intro-device-id-string, intro-device-id-chars
TEST(Sparkplug, TakesNoIdsThatMqttOrPeopleCantUse) {
  EXPECT_TRUE(is_id("Linie 3"));
  EXPECT_TRUE(is_id("Kälte"));
  EXPECT_TRUE(is_id(std::string(kSparkplugIdBytesMax, 'a')));
  for (const std::string& text : {std::string(), std::string("a+"), std::string("a/b"), std::string("#"),
                                  std::string("\xFF"), std::string("a\nb"), std::string(kSparkplugIdBytesMax + 1, 'a')})
    EXPECT_FALSE(is_id(text)) << text;
}

// host-topic-phid-birth-payload, host-topic-phid-death-payload, payloads-state-will-message-payload,
// payloads-state-birth-payload
TEST(Sparkplug, ReadsAHostsStateAndNothingLikeIt) {
  const auto online = decode_state(view(encode_state({true, kSent}))).value();
  EXPECT_TRUE(online.online && online.timestamp_ms == kSent);
  EXPECT_FALSE(decode_state(view(R"({"timestamp":5,"online":false,"more":[]})")).value().online);
  for (const char* text :
       {"", "ONLINE", "{}", R"({"online":true})", R"({"timestamp":1})", R"({"online":1,"timestamp":1})",
        R"({"online":true,"timestamp":"1"})", R"({"online":true,"timestamp":-1})", R"({"online":true,"timestamp":1.5})",
        R"([{"online":true,"timestamp":1}])"})
    EXPECT_FALSE(decode_state(view(text))) << text;
  EXPECT_FALSE(decode_state(view(std::string(kStateBytesMax + 1, ' '))));
}

TEST(Sparkplug, TakesTimesThatNoClockCanShowForNotSaid) {
  EXPECT_EQ(to_ms(from_ms(kSent)), kSent);
  EXPECT_EQ(from_ms(std::nullopt), WallTime{});
  EXPECT_EQ(from_ms(std::numeric_limits<std::uint64_t>::max()), WallTime{});
  EXPECT_EQ(to_ms(WallTime{std::chrono::seconds{-1}}), 0U);
}

}  // namespace
}  // namespace lineside::wire::sparkplug
