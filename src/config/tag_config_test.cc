#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>

#include "base/file.h"
#include "base/test_folder.h"
#include "config/load.h"
#include "config/tag_schema.h"

namespace lineside::config {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class TagConfig : public testing::Test {
 protected:
  TagConfig() { EXPECT_TRUE(write_atomically(folder_ / "day.csv", std::string_view("time,a\n0,1\n"))); }
  fs::path write(const std::string& yaml) {
    EXPECT_TRUE(write_atomically(folder_ / "gateway.yaml", "gateway: g\ndata_dir: d\n" + yaml));
    return folder_ / "gateway.yaml";
  }
  TelemetrySettings good(const std::string& yaml) {
    auto settings = load_gateway_settings(write(yaml));
    if (settings) return settings->telemetry;
    ADD_FAILURE() << settings.error().message;
    return {};
  }
  std::string problems(const std::string& yaml) {
    const auto checked = check_settings_file(write(yaml));
    return checked ? "none" : checked.error().message + "\n";
  }
  const TestFolder folder_;
};

TEST_F(TagConfig, AnAssetMayNameTheTagsThatSayWhetherItRuns) {
  const auto asset = [](const std::string& running) {
    return "tag_sources: [{name: day, kind: file, path: day.csv}]\n"
           "tags: [{name: speed, source: day, file: {column: a}}]\n"
           "waveform_sources: [{name: daq}]\n"
           "assets:\n  - {name: m, source: daq, topic: t, rate_hz: 1000, mode: learning, channels: [{name: x}], "
           "running_when: [" +
           running + "]}\n";
  };
  EXPECT_EQ(problems(asset("{tag: speed, min: 10}, {tag: speed, max: 20}")), "none");
  EXPECT_THAT(problems(asset("{tag: sped, min: 10}")),
              HasSubstr("running_when[0].tag: there is no tag 'sped' in tags"));
  EXPECT_THAT(problems(asset("{tag: speed}")), HasSubstr("says neither min nor max"));
  EXPECT_THAT(problems(asset("{tag: speed, min: 2, max: 1}")), HasSubstr("running_when[0].min: is above max"));
}

constexpr const char* kSources = R"(tag_sources:
  - {name: plc, kind: modbus, host: 10.0.0.5}
  - {name: line, kind: modbus, device: /dev/ttyUSB0, baud: 9600, parity: none, stop_bits: 1}
  - {name: bus, kind: mqtt, host: localhost}
  - {name: dcs, kind: opcua, opcua: {endpoint: "opc.tcp://10.0.0.6:4840"}}
  - {name: day, kind: file, path: day.csv, speed: 10}
  - {name: scada, kind: sparkplug, host: localhost, reorder_timeout_ms: 500, ask_for_rebirth: false}
tags:
)";

TEST_F(TagConfig, ReadsEachKindOfSource_WithItsTags) {
  const auto telemetry = good(std::string(kSources) + R"(
  - name: boiler/feed/temperature
    source: plc
    unit: °C
    scale: 0.1
    modbus: {unit: 3, area: input, address: 100, type: int32, swap_words: true}
    max_error: 1%
    span_low: 0
    span_high: 150
    low: 5
    high: 120
    deadband: 2
  - {name: level, source: bus, mqtt: {topic: "tank/+/state", value: /level, time: /t, time_unit: s}, max_error: 0.5}
  - {name: flow, source: dcs, opcua: {node: "ns=2;s=Flow", deadband: 0.1}, summary_only: true}
  - {name: a, source: day}
  - {name: mixer/speed, source: scada, sparkplug: {group: Plant 1, edge_node: line-3, device: mixer, metric: Drive/Speed}}
telemetry: {block_period_ms: 2000, queue_samples: 5000}
)");
  ASSERT_EQ(telemetry.sources.size(), 6U);
  EXPECT_EQ(access_of(telemetry.sources[0]).port, 502);
  EXPECT_EQ(access_of(telemetry.sources[2]).port, 1883) << "each kind has its usual port";
  EXPECT_EQ(telemetry.sources[1].device, "/dev/ttyUSB0");
  EXPECT_EQ(telemetry.sources[1].parity, TagSourceSettings::Parity::none);
  EXPECT_EQ(telemetry.sources[3].opcua.sampling, milliseconds{500});
  EXPECT_EQ(telemetry.sources[4].path, folder_ / "day.csv");
  EXPECT_EQ(access_of(telemetry.sources[5]).port, 1883);
  EXPECT_EQ(telemetry.sources[5].reorder_timeout, milliseconds{500});
  EXPECT_FALSE(telemetry.sources[5].ask_for_rebirth);
  ASSERT_EQ(telemetry.tags.size(), 5U);
  EXPECT_EQ(telemetry.tags[4].sparkplug.group, "Plant 1");
  EXPECT_EQ(telemetry.tags[4].sparkplug.metric, "Drive/Speed");
  const TagSettings& first = telemetry.tags[0];
  EXPECT_EQ(first.unit, "°C");
  EXPECT_EQ(first.modbus.area, ModbusTagSettings::Area::input);
  EXPECT_EQ(first.modbus.type, ModbusTagSettings::Type::int32);
  EXPECT_TRUE(first.max_error_of_span);
  EXPECT_DOUBLE_EQ(first.max_error, 0.01);
  EXPECT_FALSE(telemetry.tags[1].max_error_of_span);
  EXPECT_DOUBLE_EQ(telemetry.tags[1].max_error, 0.5);
  EXPECT_EQ(telemetry.tags[1].mqtt.time_unit, MqttTagSettings::TimeUnit::s);
  EXPECT_EQ(telemetry.block_period, milliseconds{2000});
  EXPECT_EQ(telemetry.queue_samples, 5000);
}

TEST_F(TagConfig, ATagHasTheUsualSilenceOfItsSource_UnlessItNamesOne) {
  const auto telemetry = good(std::string(kSources) + R"(
  - {name: a, source: plc, modbus: {address: 1}}
  - {name: b, source: bus, mqtt: {topic: b}}
  - {name: c, source: bus, mqtt: {topic: c}, max_silence_ms: 5000}
)");
  ASSERT_EQ(telemetry.tags.size(), 3U);
  EXPECT_EQ(telemetry.tags[0].max_silence, milliseconds{60'000});
  EXPECT_EQ(telemetry.tags[1].max_silence, milliseconds{1'800'000});
  EXPECT_EQ(telemetry.tags[2].max_silence, milliseconds{5000});
}

TEST_F(TagConfig, RefusesSourcesThatDoNotFit) {
  const std::pair<const char*, const char*> cases[] = {
      {"{name: a}", "kind: is missing"},
      {"{name: a, kind: modbus}", "host: is missing; name host (TCP) or device (RTU)"},
      {"{name: a, kind: modbus, host: h, device: /dev/tty}", "host: contradicts device"},
      {"{name: a, kind: modbus, host: h, baud: 9600}", "baud: is for a serial line"},
      {"{name: a, kind: modbus, host: h, path: p}", "path: is for sources of kind file; this one is of kind modbus"},
      {"{name: a, kind: modbus, host: h, tls: true}", "tls: is for sources of kind mqtt"},
      {"{name: a, kind: modbus, host: h, port: 0}", "port: 0 is below the limit of 1"},
      {"{name: a, kind: modbus, host: h, timeout_ms: 60000}", "timeout_ms: 60000 ms is above the limit"},
      {"{name: a, kind: modbus, host: h, reconnect_min_ms: 9000, reconnect_max_ms: 80}", "is above reconnect_max_ms"},
      {"{name: a, kind: mqtt, host: b.test}", "without TLS the broker must be on this machine"},
      {"{name: a, kind: mqtt, tls: true, plain: true, ca_file: day.csv}", "plain: contradicts tls"},
      {"{name: a, kind: opcua}", "opcua.endpoint: is missing"},
      {"{name: a, kind: opcua, opcua: {endpoint: x, stamp: last_sample}}", "stamp: there is no such key"},
      {"{name: a, kind: file}", "path: is missing"},
      {"{name: a, kind: file, path: none.csv}", "path: there is no file"},
      {"{name: a, kind: file, path: day.csv, loop: true, times: recorded}", "loop: contradicts times: recorded"},
      {"{name: a, kind: sparkplug, host: b.test}", "without TLS the broker must be on this machine"},
      {"{name: a, kind: mqtt, host: localhost, ask_for_rebirth: true}", "is for sources of kind sparkplug"},
      {"{name: a, kind: file, path: day.csv, reconnect_min_ms: 50}",
       "is for sources of kind modbus and opcua and mqtt"},
      {"{name: a, kind: file, path: day.csv}, {name: a, kind: file, path: day.csv}", "already that of another source"},
  };
  for (const auto& [source, said] : cases) {
    const std::string text = problems(std::format("tag_sources: [{}]\n", source));
    EXPECT_THAT(text, HasSubstr(said)) << source;
    EXPECT_THAT(text, HasSubstr("gateway.yaml:3: tag_sources[")) << source;
  }
}

TEST_F(TagConfig, RefusesTagsThatDoNotFit) {
  const std::pair<const char*, const char*> cases[] = {
      {"{name: a}", "source: is missing"},
      {"{name: a, source: none}", "source: there is no source 'none' in tag_sources"},
      {"{name: /a, source: day}", "name: '/a' must be"},
      {"{name: a//b, source: day}", "name: 'a//b' must be"},
      {"{name: 'a+', source: day}", "name: 'a+' must be"},
      {"{name: a, source: day}, {name: a, source: day}", "name: the name 'a' is already that of tags[0]"},
      {"{name: a, source: plc}", "modbus: is missing; it says where in 'plc' the tag is"},
      {"{name: a, source: plc, modbus: {unit: 1}}", "modbus.address: is missing"},
      {"{name: a, source: plc, modbus: {address: 1}, mqtt: {topic: t}}", "mqtt: is for sources of kind mqtt"},
      {"{name: a, source: plc, modbus: {address: 65535, type: float32}}", "its last register 65536 is beyond 65535"},
      {"{name: a, source: plc, modbus: {address: 65536}}", "address: 65536 is above the limit"},
      {"{name: a, source: plc, modbus: {address: 1, area: coil, type: int16}}", "type: is for registers"},
      {"{name: a, source: plc, modbus: {address: 1, type: int32, bit: 3}}", "bit: is of a single register"},
      {"{name: a, source: plc, modbus: {address: 1, swap_words: true}}", "swap_words: needs a type of several"},
      {"{name: a, source: line, modbus: {address: 1, unit: 0}}", "0 is no address on a serial line"},
      {"{name: a, source: bus, mqtt: {topic: 'a/#/b'}}", "topic: 'a/#/b' is no topic filter"},
      {"{name: a, source: bus, mqtt: {topic: a, value: x}}", "value: 'x' is no JSON Pointer"},
      {"{name: a, source: bus, mqtt: {topic: a, value: /x~}}", "value: '/x~' is no JSON Pointer"},
      {"{name: a, source: bus, mqtt: {topic: a, time: /t}}", "value: is missing"},
      {"{name: a, source: bus, mqtt: {topic: a, optional: true}}", "optional: needs `value`"},
      {"{name: a, source: dcs, opcua: {node: Flow}}", "opcua.node: 'Flow' is no node"},
      {"{name: a, source: scada}", "sparkplug: is missing; it says where in 'scada' the tag is"},
      {"{name: a, source: scada, sparkplug: {group: G, edge_node: E}}", "metric: is missing"},
      {"{name: a, source: scada, sparkplug: {group: G, edge_node: 'E/F', metric: m}}",
       "edge_node: 'E/F' can't be a Sparkplug id"},
      {"{name: a, source: scada, sparkplug: {group: G, edge_node: E, device: '+', metric: m}}", "device: '+' can't be"},
      {"{name: a, source: scada, sparkplug: {group: G, edge_node: E, metric: ''}}", "metric: is empty"},
      {"{name: a, source: day, scale: 0}", "scale: can't be 0"},
      {"{name: a, source: day, max_error: 1%}", "max_error: is a share of the span: say span_low and span_high"},
      {"{name: a, source: day, max_error: 101%}", "a share from 0% to 100%, not '101%'"},
      {"{name: a, source: day, max_error: much}", "max_error: must be a number, not 'much'"},
      {"{name: a, source: day, max_error: -1}", "max_error: -1 is below the limit of 0"},
      {"{name: a, source: day, span_low: 1}", "span_high: is missing"},
      {"{name: a, source: day, span_low: 1, span_high: 1}", "span_high: must be above span_low"},
      {"{name: a, source: day, valid_low: 1, valid_high: 0}", "valid_high: must be above valid_low"},
      {"{name: a, source: day, low: 5, high: 5}", "high: 5 must be above low, which is 5"},
      {"{name: a, source: day, low_low: 5, high_high: 1}", "high_high: 1 must be above low_low"},
      {"{name: a, source: day, deadband: 1}", "deadband: needs an alarm limit"},
      {"{name: a, source: day, low: 1, high: 2, deadband: 1}", "deadband: 1 leaves nothing between low and high"},
      {"{name: a, source: day, summary_only: true, max_error: 1}", "max_error: contradicts summary_only"},
  };
  for (const auto& [tag, said] : cases) {
    std::string sources = kSources;
    sources.resize(sources.size() - 1);
    EXPECT_THAT(problems(std::format("{} [{}]\n", sources, tag)), HasSubstr(said)) << tag;
  }
}

TEST_F(TagConfig, ListsTheMistakesOfAllTagsAtOnce) {
  std::string yaml = kSources;
  for (int i = 0; i < 300; ++i) yaml += std::format("  - {{name: t{}, source: gone}}\n", i);
  EXPECT_THAT(problems(yaml), HasSubstr("has 300 mistakes:"));
}

TEST(TopicFilter, TakesWildcardsOnlyAsWholeLevels) {
  for (const char* good : {"a", "/", "a/b", "+", "#", "+/a/+", "a/#", "/+/#", "a b/ä", "$SYS/x"})
    EXPECT_TRUE(is_topic_filter(good)) << good;
  for (const char* bad : {"", "a+", "+a", "#/a", "a#", "a/b#", "a/+b/c"}) EXPECT_FALSE(is_topic_filter(bad)) << bad;
  EXPECT_FALSE(is_topic_filter(std::string(70'000, 'a')));
}

}  // namespace
}  // namespace lineside::config
