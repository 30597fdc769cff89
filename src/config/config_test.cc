#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/test_folder.h"
#include "config/load.h"
#include "config/reader.h"
#include "config/schema.h"
#include "model/record.h"

namespace lineside::config {
namespace {

using testing::HasSubstr;

// A folder with a settings file and the files that it names.
class Config : public testing::Test {
 protected:
  Config() {
    EXPECT_TRUE(write_atomically(folder_ / "caps.lsb", std::string_view("bundle")));
    fs::create_directory(folder_ / "pictures");
  }
  fs::path write(const std::string& yaml) {
    EXPECT_TRUE(write_atomically(folder_ / "gateway.yaml", yaml));
    return folder_ / "gateway.yaml";
  }
  Result<GatewaySettings> gateway(const std::string& yaml) { return load_gateway_settings(write(yaml)); }
  std::string problems(const std::string& yaml) {
    const auto checked = check_settings_file(write(yaml));
    if (checked) return "none";
    EXPECT_EQ(checked.error().code, ErrorCode::config_invalid);
    return checked.error().message;
  }
  const TestFolder folder_;
};

constexpr const char* kGood = R"(gateway: line-3
data_dir: data
cameras:
  - name: cap
    kind: folder
    path: pictures
stations:
  - name: caps
    cameras: [cap]
    bundle: caps.lsb
    deadline_ms: 50
    actuator:
      kind: modbus
      delay_ms: 80
      port: 1502
)";

TEST_F(Config, ReadsAGoodFile_WithPathsBesideIt) {
  const auto settings = gateway(kGood).value();
  EXPECT_EQ(settings.gateway, "line-3");
  EXPECT_EQ(settings.data_dir, folder_ / "data");
  EXPECT_EQ(settings.cameras.at(0).path, folder_ / "pictures");
  EXPECT_EQ(settings.stations.at(0).bundle, folder_ / "caps.lsb");
  EXPECT_EQ(settings.stations[0].actuator.kind, ActuatorSettings::Kind::modbus);
  EXPECT_EQ(settings.stations[0].actuator.at.port, 1502);
  EXPECT_EQ(settings.stations[0].actuator.pulse, milliseconds{20}) << "a key left out has its default";
  EXPECT_FALSE(settings.stations[0].reject_threshold.has_value());
}

TEST_F(Config, TakesABrokersKeys_InEachOfTheirPlaces) {
  const auto keys = [](const std::string& before) {
    return std::format(
        "{0}host: b.test, {0}port: 1234, {0}tls: true, {0}ca_file: ca, {0}cert_file: crt, "
        "{0}key_file: key, {0}username: u, {0}password_file: pw",
        before);
  };
  const auto settings = gateway(std::format("gateway: g\ndata_dir: d\nuplink: {{{}}}\ncameras: [{{name: c, path: "
                                            "pictures}}]\nstations: [{{name: s, cameras: "
                                            "[c], bundle: caps.lsb, actuator: {{kind: gpio, chip: gpiochip0, {}}}}}]\n",
                                            keys(""), keys("")))
                            .value();
  for (const char* file : {"ca", "crt", "key", "pw"})
    EXPECT_TRUE(write_atomically(folder_ / file, std::string_view("x")));
  EXPECT_TRUE(write_atomically(folder_ / "hub.yaml", "{data_dir: d, " + keys("broker_") + "}\n"));
  const auto hub = load_hub_settings(folder_ / "hub.yaml").value();
  for (const BrokerAccess& broker : {settings.uplink.broker, settings.stations[0].actuator.at, hub.broker}) {
    EXPECT_EQ(broker.host, "b.test");
    EXPECT_EQ(broker.port, 1234);
    EXPECT_TRUE(broker.tls);
    EXPECT_EQ(broker.ca_file, folder_ / "ca");
    EXPECT_EQ(broker.cert_file, folder_ / "crt");
    EXPECT_EQ(broker.key_file, folder_ / "key");
    EXPECT_EQ(broker.username, "u");
    EXPECT_EQ(broker.password_file, folder_ / "pw");
  }
  const auto plain = gateway(
                         "gateway: g\ndata_dir: d\ncameras: [{name: c, path: pictures}]\nstations: [{name: s, cameras: "
                         "[c], bundle: caps.lsb}]\n")
                         .value();
  EXPECT_EQ(plain.uplink.broker.port, 8883);
  EXPECT_TRUE(plain.uplink.broker.tls);
  EXPECT_EQ(plain.stations[0].actuator.at.port, 502) << "the table's defaults are those of the place, not of a broker";
  EXPECT_FALSE(plain.stations[0].actuator.at.tls);
}

TEST_F(Config, KeepsAnAbsolutePath) {
  EXPECT_EQ(gateway("gateway: g\ndata_dir: /var/lib/lineside\n").value().data_dir, "/var/lib/lineside");
}

TEST_F(Config, ListsEveryMistakeAtOnce_WithFileLineKeyAndLimits) {
  const std::string text = problems(R"(gateway: line-3
data_dir: data
colour: red
cameras:
  - name: Cap Camera
    kind: folde
    path: pictures
stations:
  - name: caps
    cameras: [cap]
    bundle: none.lsb
    deadlin_ms: 50
    deadline_ms: 0
    actuator:
      delay_ms: 80 ms
      active_low: yes
)");
  EXPECT_THAT(text, HasSubstr("has 9 mistakes:"));
  EXPECT_THAT(text, HasSubstr("gateway.yaml:3: colour: there is no such key; the keys here are tenant, gateway,"));
  EXPECT_THAT(text, HasSubstr("gateway.yaml:5: cameras[0].name: 'Cap Camera' must be 1 to 63 characters"));
  EXPECT_THAT(text, HasSubstr("gateway.yaml:6: cameras[0].kind: must be one of rtsp, v4l2, gige, pipeline, folder, not "
                              "'folde'; did you mean folder?"));
  EXPECT_THAT(text, HasSubstr("gateway.yaml:10: stations[0].cameras[0]: there is no camera 'cap'"));
  EXPECT_THAT(text, HasSubstr("gateway.yaml:11: stations[0].bundle: there is no file "));
  EXPECT_THAT(text, HasSubstr(":12: stations[0].deadlin_ms: there is no such key; did you mean deadline_ms?"));
  EXPECT_THAT(text, HasSubstr(":13: stations[0].deadline_ms: 0 ms is below the limit of 1 ms (1 to 600000)"));
  EXPECT_THAT(text,
              HasSubstr(":15: stations[0].actuator.delay_ms: must be a whole number in ms, not '80 ms'; write 80"));
  EXPECT_THAT(text, HasSubstr(":16: stations[0].actuator.active_low: must be true or false, not yes"));
}

TEST_F(Config, RefusesAWrongUnitOrType_AndSaysWhatToWrite) {
  const std::pair<const char*, const char*> cases[] = {
      {"summary_period_ms: 2 s", "not '2 s'; write 2000"},
      {"summary_period_ms: 0.5 s", "not '0.5 s'; write 500"},
      {"summary_period_ms: '1000'", "must be a whole number in ms, not '1000'; write 1000"},
      {"summary_period_ms: 100.5", "must be a whole number in ms, not '100.5'"},
      {"summary_period_ms: soon", "must be a whole number in ms, not 'soon'\n"},
      {"summary_period_ms: 1e99", "above the limit of 3600000 ms"},
      {"summary_period_ms: .nan", "must be a whole number"},
      {"summary_period_ms: [1]", "must be a single value"},
      {"summary_period_ms:", "has no value"},
      {"ledger: {bytes_max: 2 GB}", "in bytes, not '2 GB'; write 2000000000"},
      {"ledger: {bytes_max: 1 MiB}", "write 1048576"},
      {"ledger: {bytes_max: 2 s}", "not '2 s'\n"},
      {"ledger: 5", "must be a group of keys"},
      {"cameras: {name: a}", "must be a list"},
      {"cameras: [a]", "cameras[0]: must be a group of keys"},
      {"local: {enabled: 1}", "must be true or false, not 1"},
      {"inference: {providers: cpu}", "must be a list of texts"},
      {"inference: {providers: []}", "inference.providers: is empty"},
      {"summary_period_s: 2", "did you mean summary_period_ms?"},
      {"data_dir: again", "stands here a second time"},
  };
  for (const auto& [line, said] : cases) {
    const std::string text = problems(std::format("gateway: g\ndata_dir: d\n{}\n", line)) + "\n";
    EXPECT_THAT(text, HasSubstr(said)) << line;
    EXPECT_THAT(text, HasSubstr("gateway.yaml:3: ")) << line;
    EXPECT_THAT(text, HasSubstr("has 1 mistake:")) << line;
  }
}

TEST_F(Config, ChecksWhatDependsOnSeveralKeys) {
  const std::pair<const char*, const char*> cases[] = {
      {"    deadline_ms: 50\n    actuator: {kind: gpio, chip: c, delay_ms: 50}\n",
       "50 ms must be below the actuator's"},
      {"    votes_needed: 2\n", "2 votes can't come from 1 camera"},
      {"    actuator: {kind: gpio, delay_ms: 90}\n", "actuator.chip: is missing"},
      {"    actuator: {kind: mqtt, delay_ms: 90}\n", "actuator.topic: is missing"},
      {"    actuator: {kind: modbus, delay_ms: 90, safe_coil: 0}\n", "same coil as the reject coil"},
      {"    trigger: {kind: gpio}\n", "trigger.chip: is missing"},
      {"  - {name: caps, cameras: [cap], bundle: caps.lsb}\n", "the name 'caps' is already that of stations[0].name"},
      {"    actuator: {kind: gpio, chip: c, line: 4, delay_ms: 90}\n"
       "  - name: b\n    cameras: [cap]\n    bundle: caps.lsb\n"
       "    actuator: {kind: gpio, chip: c, line: 4, delay_ms: 90}\n",
       "the output 'line 4 of c' is already that of stations[0].actuator"},
      {"uplink: {enabled: true}\n", "uplink.ca_file: is missing; TLS needs"},
      {"uplink: {enabled: true, tls: false, host: broker.example}\n", "without TLS the broker must be on this machine"},
      {"uplink: {enabled: true, tls: false, cert_file: caps.lsb}\n", "go together"},
      {"uplink: {enabled: true, tls: false, username: a}\n", "uplink.password_file: is missing"},
      {"uplink: {reconnect_min_ms: 5000, reconnect_max_ms: 4000}\n", "is above reconnect_max_ms"},
      {"inference: {trusted_keys: [key.pem]}\n", "inference.trusted_keys[0]: there is no file"},
  };
  for (const auto& [lines, said] : cases) {
    const std::string text = problems(std::string(R"(gateway: g
data_dir: d
cameras:
  - {name: cap, kind: folder, path: pictures}
stations:
  - name: caps
    cameras: [cap]
    bundle: caps.lsb
)") + lines);
    EXPECT_THAT(text, HasSubstr(said)) << lines;
    EXPECT_THAT(text, HasSubstr("has 1 mistake:")) << lines;
  }
}

TEST_F(Config, RefusesMoreThanAStationTakes) {
  std::string cameras, names;
  for (int i = 0; i < 9; ++i) {
    cameras += std::format("  - {{name: c{}, kind: folder, path: pictures}}\n", i);
    names += std::format("c{},", i);
  }
  const std::string text = problems(std::format(
      "gateway: g\ndata_dir: d\ncameras:\n{}stations:\n  - name: s\n    cameras: [{}]\n    bundle: caps.lsb\n"
      "    queue_items: 61\n",
      cameras, names));
  EXPECT_THAT(text, HasSubstr("stations[0].cameras: names 9 cameras; at most 8 can look at one item"));
  EXPECT_THAT(text, HasSubstr("stations[0].queue_items: 61 is above the limit of 60"));
}

TEST_F(Config, ChecksCameras) {
  const std::pair<const char*, const char*> cases[] = {
      {"kind: rtsp", "url: is missing"},
      {"kind: rtsp, url: 'http://x'", "must begin with rtsp://"},
      {"kind: v4l2", "device: is missing"},
      {"kind: pipeline", "pipeline: is missing"},
      {"kind: folder", "path: is missing"},
      {"kind: folder, path: nowhere", "there is no folder"},
      {"kind: gige, width: 640", "width: width and height go together"},
      {"kind: gige, reconnect_min_ms: 9000, reconnect_max_ms: 10", "is above reconnect_max_ms"},
  };
  for (const auto& [keys, said] : cases)
    EXPECT_THAT(problems(std::format("gateway: g\ndata_dir: d\ncameras:\n  - {{name: a, {}}}\n", keys)),
                HasSubstr(said));
}

TEST_F(Config, BoundsWhatLearningTakes) {
  const auto learning = [](const std::string& more) {
    return "gateway: g\ndata_dir: data\nwaveform_sources: [{name: daq}]\nassets:\n  - {name: m, source: daq, topic: t, "
           "rate_hz: 50000, mode: learning, channels: [{name: x}, {name: y}]" +
           more + "}\n";
  };
  EXPECT_EQ(problems(learning("")), "none");
  EXPECT_THAT(problems(learning(", learning: {recording_s: 120, recordings: 10}")),
              HasSubstr("120 s of 2 channels are 1.2e+07 values"));
  EXPECT_THAT(problems(learning(", learning: {disk_bytes_max: 10000000}")),
              HasSubstr("120 recordings take about 2.4e+08 bytes"));
  EXPECT_THAT(problems(learning(", machine: none.yaml")), HasSubstr("there is no file"));
  std::string many = "gateway: g\ndata_dir: data\nwaveform_sources: [{name: daq}]\nassets:\n";
  for (std::size_t i = 0; i <= kAssetsMax; ++i)
    many += std::format(
        "  - {{name: m{0}, source: daq, topic: t{0}, rate_hz: 1, bundle: caps.lsb, channels: [{{name: x}}]}}\n", i);
  EXPECT_THAT(problems(many), HasSubstr("has 1001 assets; 1000 are the most"));
}

TEST_F(Config, RefusesNamesThatStandForTheGatewayItself) {
  EXPECT_THAT(
      problems("gateway: g\ndata_dir: data\nwaveform_sources: [{name: daq}]\nassets:\n  - {name: gateway, source: "
               "daq, topic: t, rate_hz: 1000, mode: learning, channels: [{name: x}]}\n"),
      HasSubstr("'gateway' stands for the gateway itself"));
}

TEST_F(Config, ChecksOpcuaSources) {
  const auto plc = [](const std::string& server, const std::string& asset = "node: 'ns=2;s=a', channels: [{name: x}]") {
    return std::format(
        "gateway: g\ndata_dir: d\nwaveform_sources:\n  - {{name: plc, kind: opcua, opcua: {{{}}}}}\n"
        "assets:\n  - {{name: m, source: plc, rate_hz: 1000, mode: learning, {}}}\n",
        server, asset);
  };
  const std::string here = "endpoint: 'opc.tcp://plc:4840'";
  EXPECT_EQ(problems(plc(here)), "none");
  EXPECT_EQ(problems(plc(here, "channels: [{name: x, node: 'ns=2;i=1'}]")), "none");
  const std::vector<std::pair<std::string, std::string>> cases{
      {plc(""), "endpoint"},
      {plc("endpoint: 'http://plc'"), "must begin with opc.tcp://"},
      {plc(here + ", security: sign"), "pki_folder: is missing"},
      {plc(here + ", username: u"), "password_file: is missing"},
      {plc(here + ", username: u"), "none sends the password unencrypted"},
      {plc(here + ", user_cert_file: gateway.yaml, pki_folder: p"), "certificate and private key go together"},
      {plc(here, "channels: [{name: x}]"), "node: is missing"},
      {plc(here, "node: a, channels: [{name: x, node: b}]"), "contradicts the channels' nodes"},
  };
  for (const auto& [text, said] : cases) EXPECT_THAT(problems(text), HasSubstr(said));
}

TEST_F(Config, LeavesOutWhatOnlyFollowsFromAnotherMistake) {
  EXPECT_THAT(problems("gateway: g\ndata_dir: d\ncameras:\n  - {name: a, kind: rtps, url: 'rtsp://x'}\n"),
              testing::AllOf(HasSubstr("has 1 mistake:"), HasSubstr("did you mean rtsp?")));
}

TEST_F(Config, SaysWhereItIsNoYaml) {
  EXPECT_THAT(problems("gateway: g\n  data_dir: [\n"), HasSubstr("gateway.yaml:2: is not valid YAML"));
  EXPECT_THAT(problems(""), HasSubstr("the file is empty"));
  EXPECT_THAT(problems("just a text"), HasSubstr("must be a group of keys"));
  EXPECT_EQ(load_gateway_settings(folder_ / "none.yaml").error().code, ErrorCode::file_not_found);
}

TEST_F(Config, NeedsItsRequiredKeys) {
  const std::string text = problems("tenant: t\nstations:\n  - name: a\n");
  for (const char* key : {": gateway: is missing", "data_dir: is missing", "stations[0].cameras: is missing",
                          "stations[0].bundle: is missing"})
    EXPECT_THAT(text, HasSubstr(key));
}

TEST_F(Config, OfAGateway_IsTakenWithoutWhatOnlyOneStationNeeds_AndTheCheckStillSaysSo) {
  const auto file = write(
      "gateway: g\ndata_dir: d\ncameras:\n  - {name: a, path: /srv/none}\n"
      "stations:\n  - {name: s, cameras: [a], bundle: none.lsb, actuator: {kind: mqtt, topic: t, tls: true, ca_file: "
      "c}}"
      "\nuplink: {enabled: true, ca_file: ca.crt}\n");
  const auto settings = load_gateway_settings(file);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->stations.at(0).bundle, folder_ / "none.lsb");
  EXPECT_THAT(check_settings_file(file).error().message,
              AllOf(HasSubstr("has 4 mistakes"), HasSubstr("stations[0].bundle: there is no file"),
                    HasSubstr("cameras[0].path: there is no folder"), HasSubstr("actuator.ca_file: there is no file"),
                    HasSubstr("uplink.ca_file: there is no file")));
  EXPECT_THAT(gateway("gateway: g\ndata_dir: d\ninference: {trusted_keys: [none.pem]}\n").error().message,
              HasSubstr("inference.trusted_keys[0]: there is no file"));
}

TEST_F(Config, AllowsAnMqttActuatorElsewhereOnlyWithTls_OrWhenToldSo) {
  const auto with = [&](const std::string& keys) {
    return std::format(
        "gateway: g\ndata_dir: d\ncameras:\n  - {{name: a, path: {}}}\nstations:\n"
        "  - {{name: s, cameras: [a], bundle: caps.lsb, actuator: {{kind: mqtt, topic: t{}}}}}\n",
        (folder_ / "pictures").string(), keys);
  };
  EXPECT_THAT(problems(with(", host: 192.0.2.7")),
              HasSubstr("actuator.host: without TLS the broker must be on this machine, not on 192.0.2.7: set tls, or "
                        "plain if that network is trusted"));
  EXPECT_THAT(problems(with(", host: 192.0.2.7, tls: true")), HasSubstr("actuator.ca_file: is missing; TLS needs"));
  EXPECT_THAT(problems(with(", host: 192.0.2.7, tls: true, plain: true, ca_file: caps.lsb")),
              HasSubstr("actuator.plain: contradicts tls"));
  EXPECT_THAT(problems(with(", username: u")), HasSubstr("actuator.password_file: is missing"));
  EXPECT_THAT(problems(with(", cert_file: caps.lsb")), HasSubstr("actuator.cert_file: certificate and private key"));
  for (const char* keys : {"", ", host: 192.0.2.7, plain: true", ", host: 192.0.2.7, tls: true, ca_file: caps.lsb"}) {
    const auto settings = gateway(with(keys));
    EXPECT_TRUE(settings) << settings.error().message;
  }
}

TEST_F(Config, OfAnotherMachine_DoesNotNeedItsFilesHere) {
  const auto file = write(
      "gateway: g\ndata_dir: d\ncameras:\n  - {name: a, path: /srv/none}\n"
      "stations:\n  - {name: s, cameras: [a], bundle: none.lsb}\n");
  EXPECT_THAT(check_settings_file(file).error().message, HasSubstr("has 2 mistakes"));
  EXPECT_EQ(check_settings_file(file, NamedFiles::elsewhere).value(), "gateway");
}

TEST_F(Config, KnowsAHubAndAPlantByTheirKeys) {
  EXPECT_EQ(check_settings_file(write(kGood)).value(), "gateway");
  EXPECT_EQ(check_settings_file(write("data_dir: d\nbroker_tls: false\n")).value(), "hub");
  EXPECT_THAT(problems("data_dir: d\nbroker_tls: false\nhttp_trusted_proxies: [127.0.0.1, proxy.test]\n"),
              HasSubstr("http_trusted_proxies[1]: 'proxy.test' is not an IP address"));
  EXPECT_EQ(check_settings_file(write("lines:\n  - {name: a}\n")).value(), "plant");
  EXPECT_THAT(check_settings_file(write("data_dir: d\nbroker_tls: false\nhttp_address: 0.0.0.0\n")).error().message,
              HasSubstr("passwords would cross the network in the clear"));
  EXPECT_THAT(check_settings_file(write("lines:\n  - {name: a}\n  - {name: a, modbus_port: 1503}\n")).error().message,
              HasSubstr("lines[1].name: the name 'a' is already"));
}

// Reads back, through the YAML reader, the default that the table names for each scalar key: nothing may change.
TEST_F(Config, DefaultsOfTheTableAreThoseOfTheStructs) {
  const auto plain = gateway("gateway: g\ndata_dir: d\n").value();
  const auto written = gateway(R"(gateway: g
data_dir: d
tenant: default
summary_period_ms: 1000
samples: {path: samples, bytes_max: 1000000000, pass_share: 0.002, share: {level: none, thumbnail_px: 160}}
uplink: {enabled: false, port: 8883, batch_delay_ms: 200, reconnect_max_ms: 30000}
local: {address: 127.0.0.1, port: 9780}
)")
                           .value();
  EXPECT_EQ(plain.samples.bytes_max, written.samples.bytes_max);
  EXPECT_EQ(plain.samples.share.level, written.samples.share.level);
  EXPECT_EQ(plain.uplink.batch_delay, written.uplink.batch_delay);
  EXPECT_EQ(plain.local.port, written.local.port);
}

void expect_described(const Schema& schema) {
  for (const Field& field : schema.fields) {
    EXPECT_TRUE(field.description.ends_with(".")) << schema.title << " " << field.key;
    const bool is_number = field.kind == Kind::integer || field.kind == Kind::number || field.kind == Kind::tolerance;
    EXPECT_EQ(is_number, field.min.has_value() && field.max.has_value()) << field.key;
    if (field.unit == "ms") {
      EXPECT_TRUE(field.key.ends_with("_ms")) << field.key;
    }
    if (is_number && field.default_value && field.kind == Kind::integer) {
      const auto value = static_cast<double>(std::get<std::int64_t>(*field.default_value));
      EXPECT_TRUE(value >= *field.min && value <= *field.max) << field.key << ": its own default is out of range";
    }
    if (field.kind == Kind::choice) {
      EXPECT_TRUE(field.default_value.has_value() || field.required) << field.key;
    }
    if (field.child) expect_described(*field.child);
  }
}

TEST(Schema, DescribesEveryKey_AndItsDefaultsAreInRange) {
  expect_described(gateway_schema());
  expect_described(hub_schema());
  expect_described(plant_schema());
}

TEST(Schema, MakesAJsonSchemaThatEditorsUnderstand) {
  const auto schema = nlohmann::json::parse(json_schema("gateway"));
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["required"], nlohmann::json::parse(R"(["gateway", "data_dir"])"));
  const auto& deadline = schema["properties"]["stations"]["items"]["properties"]["deadline_ms"];
  EXPECT_EQ(deadline["type"], "integer");
  EXPECT_EQ(deadline["minimum"], 1);
  EXPECT_EQ(deadline["default"], 50);
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(json_schema("toaster"), "");
}

TEST(Schema, MakesAReferencePage) {
  const std::string page = reference_page("gateway");
  EXPECT_THAT(page, HasSubstr("| `deadline_ms` | whole number | ms | 1 to 600000 | `50` | From trigger to verdict."));
  EXPECT_THAT(page, HasSubstr("## A station's actuator\n\nUnder `stations[].actuator`."));
  EXPECT_THAT(page, HasSubstr("(#a-stations-actuator)"));
}

TEST(Converted, KnowsTheUsualUnits) {
  EXPECT_EQ(converted("1.5 s", "ms"), "1500");
  EXPECT_EQ(converted("2min", "ms"), "120000");
  EXPECT_EQ(converted("3 kB", "bytes"), "3000");
  EXPECT_EQ(converted("10 Hz", "Hz"), "10");
  EXPECT_EQ(converted("3 kB", "ms"), "");
  EXPECT_EQ(converted("", "ms"), "");
}

}  // namespace
}  // namespace lineside::config
