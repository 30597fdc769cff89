#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>
#include <fstream>

#include "base/test_folder.h"
#include "rules/surroundings.h"

namespace lineside::rules {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

Surroundings::Grant grant(std::size_t tag, const std::string& name, const std::string& unit,
                          std::vector<std::string> rules) {
  config::TagSettings where;
  where.name = name;
  where.source = "plc";
  where.modbus.address = static_cast<int>(tag);
  return {.tag = tag,
          .terms = {.tag = name,
                    .rules = std::move(rules),
                    .unit = unit,
                    .min = 0,
                    .max = 100,
                    .expires = "2030-01-01T00:00:00Z"},
          .where = where,
          .kind = config::TagSourceSettings::Kind::modbus,
          .moves = {tag}};
}

Surroundings boiler_room() {
  return {
      TagList(
          {{"feed/temperature", "°C", 60s}, {"burner/on", "", 0s}, {"feed/pressure", "bar", 0s}, {"valve", "%", 0s}}),
      {"press-4"},
      {"rooms"},
      {{3, "valves/+/set"}},
      {grant(3, "valve", "%", {"a", "b", "c"}), grant(2, "feed/pressure", "bar", {"a", "b"}),
       grant(0, "feed/temperature", "°C", {"b"})}};
}

Result<std::vector<Rule>> load(const std::string& yaml, const Surroundings& around) {
  const TestFolder folder;
  std::ofstream(folder / "rules.yaml") << yaml;
  return load_rules(folder / "rules.yaml", around);
}

std::string mistakes(const std::string& yaml) {
  const auto rules = load(yaml, boiler_room());
  if (rules) return "";
  EXPECT_EQ(rules.error().code, ErrorCode::config_invalid);
  return rules.error().message;
}

TEST(LoadRules, ReadsARule) {
  const Surroundings around = boiler_room();
  const auto rules = load(R"(
rules:
  - name: too-hot
    asset: boiler
    when: feed/temperature > 120 and burner/on for 30 s
    hysteresis: 5 K
    off_delay_ms: 10000
    latching: true
    severity: high
    message: "Feed at {feed/temperature}, {{at most}} {120 - feed/temperature} left"
    unknown_after_ms: 5000
)",
                          around);
  ASSERT_TRUE(rules) << rules.error().message;
  ASSERT_EQ(rules->size(), 1U);
  const Rule& rule = rules->front();
  EXPECT_EQ(rule.name, "too-hot");
  EXPECT_EQ(rule.on_delay, 30s);
  EXPECT_EQ(rule.off_delay, 10s);
  EXPECT_EQ(rule.hysteresis, 5);
  EXPECT_TRUE(rule.latching);
  EXPECT_EQ(rule.severity, Severity::high);
  ASSERT_EQ(rule.message.size(), 3U);
  EXPECT_EQ(rule.message[1].text, ", {at most} ");
  EXPECT_EQ(rule.message[2].text, " left");
}

TEST(LoadRules, TellsEveryMistakeAtOnceWithItsLine) {
  const std::string told = mistakes(R"(rules:
  - name: a
    when: feed/temprature > 120
  - name: a
    when: feed/temperature > 248 degF
    hysteresis: 2
  - name: b
    when: feed/temperature > 120 for 30 s
    on_delay_ms: 5
    sevrity: high
  - name: c
    when: burner/on and (
    off_delay_ms: 30 s
  - name: d
    when: burner/on
    hysteresis: 2
    message: "{feed/temperature"
  - name: e
    when: feed/temperature > 3 or feed/pressure > 2
    hysteresis: 2
  - name: f
    when: feed/temperature > 3
    clear_when: feed/temperature < 2
    hysteresis: 1
  - name: g
    when: 3 > 2
  - when: burner/on
  - name: h
    when: (feed/temperature > 3) == burner/on
    hysteresis: 2 K
  - name: i
    when: feed/temperature > 3
    hysteresis: 2 bar
  - name: j
    when: feed/temperature > 3
    hysteresis: 2 +
)");
  for (const char* part : {
           ":3: rules[0].when: column 1: there is no tag 'feed/temprature'; did you mean feed/temperature?",
           ":4: rules[1].name: 'a' is already that of another rule",
           ":5: rules[1].when: column 18: °C and degF begin at different zeros; 248 degF are 120 °C: write that",
           ":9: rules[2].on_delay_ms: contradicts `for` in when",
           ":10: rules[2].sevrity: there is no such key; did you mean severity?",
           ":12: rules[3].when: column 16: the expression ends",
           ":13: rules[3].off_delay_ms: must be a whole number in ms, not '30 s'; write 30000",
           ":16: rules[4].hysteresis: needs a < <= > or >=",
           ":17: rules[4].message: column 1: this bracket is not closed",
           ":20: rules[5].hysteresis: has nothing to say where `when` compares in several units",
           ":24: rules[6].hysteresis: contradicts clear_when",
           ":26: rules[7].when: reads no tag",
           ":27: rules[8].name: is missing",
           ":30: rules[9].hysteresis: has no direction",
           ":33: rules[10].hysteresis: column 3: bar does not fit",
           ":36: rules[11].hysteresis: column 1: must be a number",
       })
    EXPECT_THAT(told, HasSubstr(part));
  EXPECT_THAT(told, HasSubstr("has 16 mistakes:"));
}

TEST(LoadRules, ChecksActionsAndRefusesThoseThatItCantCarryOut) {
  const std::string told = mistakes(R"(rules:
  - name: a
    when: feed/temperature > 120
    actions:
      - kind: alarm
      - {kind: write, tag: valve, value: 120, min: 0, max: 100, interlocks: [burner/on, "nothing > 2"], ttl_ms: 5000}
      - {kind: write, tag: valves}
      - {kind: publish, topic: "a/#", payload: "{x}", broker: none}
      - {kind: capture, of: press-5}
)");
  for (const char* part :
       {"actions[1].value: 120 is outside of 0 to 100", "actions[1].interlocks[1]: column 1: there is no tag 'nothing'",
        "actions[2].tag: there is no tag 'valves'", "actions[2].value: is missing", "actions[2].min: is missing",
        "actions[2].interlocks: is missing", "actions[2].ttl_ms: is missing", "actions[3].topic: must be an MQTT topic",
        "actions[3].payload: column 1: there is no tag 'x'", "actions[3].ttl_ms: is missing",
        "actions[3].broker: there is no tag source of kind mqtt 'none'",
        "actions[4].of: there is no station or asset 'press-5'", "actions[4].kind: capture is not supported yet"})
    EXPECT_THAT(told, HasSubstr(part));
  EXPECT_THAT(told, Not(HasSubstr("actions[0]")));
}

TEST(LoadRules, FindsRulesThatTriggerThemselves) {
  const auto rule = [](const char* name, const char* reads, const char* writes) {
    return std::format(
        "  - name: {}\n    when: {} > 1\n    actions:\n      - {{kind: write, tag: {}, value: 1, min: 0, max: 1, "
        "interlocks: [burner/on], ttl_ms: 1000}}\n",
        name, reads, writes);
  };
  EXPECT_THAT(mistakes("rules:\n" + rule("a", "valve", "valve")),
              HasSubstr("rules[0].actions: writes or publishes what this rule reads: a loop"));
  const std::string three =
      mistakes("rules:\n" + rule("a", "valve", "feed/pressure") + rule("b", "feed/pressure", "feed/temperature") +
               rule("c", "feed/temperature", "valve"));
  EXPECT_THAT(three, HasSubstr("rules[0].actions: makes a loop: what it does comes back by rule 'c'"));
  EXPECT_THAT(three, HasSubstr("rules[2].actions: makes a loop: what it does comes back by rule 'b'"));
  EXPECT_THAT(
      mistakes("rules:\n" + rule("a", "valve", "feed/pressure") + rule("b", "feed/pressure", "feed/temperature")),
      Not(HasSubstr("loop")));
}

// One action that writes; `changes` replaces keys of it.
std::string writing(const std::string& changes, const char* rule = "a", const char* when = "burner/on") {
  const std::pair<const char*, const char*> keys[] = {
      {"tag", "valve"},  {"value", "60"}, {"min", "0"}, {"max", "100"}, {"interlocks", "[burner/on]"},
      {"ttl_ms", "5000"}};
  std::string action = "kind: write";
  for (const auto& [key, value] : keys)
    if (!changes.contains(std::string(key) + ":")) action += std::format(", {}: {}", key, value);
  return std::format("  - name: {}\n    when: {}\n    actions: [{{{}{}{}}}]\n", rule, when, action,
                     changes.empty() ? "" : ", ", changes);
}

TEST(LoadRules, ReadsAWrite) {
  const Surroundings around = boiler_room();
  const auto rules = load("rules:\n" + writing("value: 60 %, back_to: 5, back_after_ms: 60000, at: cleared"), around);
  ASSERT_TRUE(rules) << rules.error().message;
  const WriteAction& write = rules->front().writes.at(0);
  EXPECT_EQ(write.tag, 3U);
  EXPECT_EQ(write.value, 60);
  EXPECT_EQ(write.back_to, 5);
  EXPECT_EQ(write.back_after, 60s);
  EXPECT_EQ(write.ttl, 5s);
  EXPECT_EQ(write.at, AlarmChange::cleared);
  EXPECT_EQ(write.interlocks.size(), 1U);
  EXPECT_EQ(rules->front().moves, std::vector<std::size_t>{3});
}

TEST(LoadRules, ConvertsTheUnitOfAWrite_AndRefusesOneThatDoesNotFit) {
  const Surroundings around = boiler_room();
  const auto rules = load("rules:\n" + writing("tag: feed/pressure, value: 2000 mbar"), around);
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_DOUBLE_EQ(rules->front().writes.at(0).value, 2);
  EXPECT_THAT(mistakes("rules:\n" + writing("tag: feed/pressure, value: 2 °C")),
              HasSubstr("actions[0].value: column 3: °C does not fit the tag, which is in bar"));
  EXPECT_THAT(mistakes("rules:\n" + writing("tag: feed/temperature, value: 140 degF", "b")),
              HasSubstr("actions[0].value: column 5: 140 degF are 60 °C: write that"));
  EXPECT_THAT(mistakes("rules:\n" + writing("value: lots")), HasSubstr("actions[0].value: column 1: must be a number"));
  EXPECT_THAT(mistakes("rules:\n" + writing("value: .nan")), HasSubstr("actions[0].value"));
}

TEST(LoadRules, DeniesWhatNothingGrants) {
  const auto told = [](const std::string& changes, const char* rule = "a") {
    return mistakes("rules:\n" + writing(changes, rule, "feed/temperature > 3"));
  };
  EXPECT_EQ(told(""), "");
  EXPECT_THAT(told("tag: burner/on"), HasSubstr("lets anybody write 'burner/on': it needs a grant"));
  EXPECT_THAT(told("", "z"), HasSubstr("the grant of 'valve' does not name this rule, 'z'"));
  EXPECT_THAT(told("max: 120"), HasSubstr("actions[0].max: 120 is outside of the grant of 'valve', 0 to 100"));
  EXPECT_THAT(told("min: 30, value: 20"), HasSubstr("actions[0].value: 20 is outside of 30 to 100"));
  EXPECT_THAT(told("back_to: 101, back_after_ms: 1000"), HasSubstr("actions[0].back_to: 101 is outside of 0 to 100"));
  EXPECT_THAT(told("value: 12.5"), HasSubstr("12.5 can't be written: the device holds whole numbers"));
  EXPECT_THAT(told("ttl_ms: 900"), HasSubstr("actions[0].ttl_ms: 900 is below 1000 ms"));
  EXPECT_THAT(told("back_to: 3"), HasSubstr("actions[0].back_after_ms: is missing"));
  EXPECT_THAT(told("interlocks: []"), HasSubstr("actions[0].interlocks: is missing"));
  EXPECT_THAT(told("interlocks: ['feed/pressure > 2 K']"), HasSubstr("actions[0].interlocks[0]: column"));
}

TEST(LoadRules, ATagHasOneRuleThatWritesIt) {
  EXPECT_THAT(mistakes("rules:\n" + writing("", "a") + writing("value: 0", "b")),
              HasSubstr("rules[1].actions[0].tag: 'valve' is written by rule 'a' already"));
  const std::string twice = writing("");
  EXPECT_THAT(mistakes("rules:\n" + twice.substr(0, twice.size() - 2) + ", " + twice.substr(twice.find("{kind"))),
              HasSubstr("'valve' is written twice when the alarm is raised"));
}

TEST(LoadRules, LooksForLoopsAndSecondWritersOverAllFiles) {
  const TestFolder folder;
  const auto put = [&](const char* name, const std::string& rules) {
    std::ofstream(folder / name) << "rules:\n" << rules;
  };
  put("one.yaml", writing("tag: feed/pressure", "a", "valve > 1"));
  put("two.yaml", writing("tag: feed/temperature", "b", "feed/pressure > 1"));
  put("three.yaml", writing("", "c", "feed/temperature > 1"));
  put("four.yaml", writing("tag: feed/pressure", "b", "burner/on"));
  const Surroundings around = boiler_room();
  const auto load_all = [&](std::initializer_list<const char*> names) {
    config::GatewaySettings settings;
    for (const char* name : names) settings.rules.push_back((folder / name).string());
    const auto rules = rules_of(settings, around);
    return rules ? "" : rules.error().message;
  };
  EXPECT_EQ(load_all({"one.yaml", "two.yaml"}), "");
  EXPECT_THAT(load_all({"one.yaml", "two.yaml", "three.yaml"}),
              HasSubstr("three.yaml:4: rules[0].actions: makes a loop: what it does comes back by rule 'b'"));
  EXPECT_THAT(load_all({"one.yaml", "four.yaml"}), HasSubstr("four.yaml:4: rules[0].actions[0].tag: 'feed/pressure' is "
                                                             "written by rule 'a' already"));
}

// Two tags of one register: what is written by one is read by the other.
TEST(Surroundings, ALoopByWayOfAnotherTagOfTheSameRegisterIsFound) {
  config::GatewaySettings settings;
  settings.telemetry.sources.emplace_back().name = "plc";
  for (const char* name : {"valve", "valve-again", "other"}) {
    auto& tag = settings.telemetry.tags.emplace_back();
    tag.name = name;
    tag.source = "plc";
    tag.modbus.address = name == std::string("other") ? 9 : 8;
  }
  settings.grants = {{.tag = "valve", .rules = {"a"}, .max = 100, .expires = "2030-01-01T00:00:00Z"}};
  const Surroundings around = surroundings_of(settings);
  ASSERT_EQ(around.grants.size(), 1U);
  EXPECT_EQ(around.grants[0].moves, (std::vector<std::size_t>{0, 1}));
  const auto rule = [](const char* reads) {
    return std::format(
        "rules: [{{name: a, when: {} > 1, actions: [{{kind: write, tag: valve, value: 1, min: 0, max: 1, interlocks: "
        "[other > 0], ttl_ms: 5000}}]}}]\n",
        reads);
  };
  EXPECT_THAT(load(rule("valve-again"), around).error().message, HasSubstr("a loop"));
  EXPECT_TRUE(load(rule("other"), around));
}

TEST(LoadRules, ReadsWhatIsPublished_AndFindsItsLoops) {
  const auto yaml = [](const char* topic) {
    return std::format(
        "rules: [{{name: a, when: valve > 1, actions: [{{kind: publish, broker: rooms, topic: {}, at: cleared, "
        "payload: 'V {{valve}}', ttl_ms: 5000}}]}}]\n",
        topic);
  };
  const Surroundings around = boiler_room();
  const auto rules = load(yaml("alarms/valve"), around);
  ASSERT_TRUE(rules) << rules.error().message;
  const PublishAction& publish = rules->front().publishes.at(0);
  EXPECT_EQ(publish.broker, "rooms");
  EXPECT_EQ(publish.topic, "alarms/valve");
  EXPECT_EQ(publish.at, AlarmChange::cleared);
  EXPECT_EQ(publish.ttl, 5s);
  EXPECT_EQ(publish.payload[0].text, "V ");
  EXPECT_THAT(mistakes(yaml("valves/4/set")), HasSubstr("writes or publishes what this rule reads: a loop"));
}

TEST(LoadRules, BoundsTheNumberOfRulesAndWindows) {
  std::string many = "rules:\n", windows = "rules:\n";
  for (int i = 0; i < 1001; ++i) many += std::format("  - {{name: r{}, when: burner/on}}\n", i);
  EXPECT_THAT(mistakes(many), HasSubstr("has 1001 rules; 1000 are the most"));
  for (int i = 0; i < 1000; ++i)
    windows += std::format(
        "  - {{name: r{}, when: \"mean(valve, {} s) > 1 or mean(valve, {} s) > 1 or mean(valve, {} s) > 1\"}}\n", i,
        10 + i, 2000 + i, 4000 + i);
  EXPECT_THAT(mistakes(windows), HasSubstr("have 3000 different windows; 2000 are the most"));
  // Each of these makes its window anew: a value holds for another time in it.
  windows = "rules:\n";
  for (int i = 0; i < 1000; ++i)
    windows += std::format(
        "  - {{name: r{}, when: \"mean(valve, 9 s) > 1 or mean(valve, 8 s) > 1 or mean(valve, 7 s) > 1\", "
        "stale_after_ms: {}}}\n",
        i, 1000 + i);
  EXPECT_THAT(mistakes(windows), HasSubstr("have 3000 different windows; 2000 are the most"));
  EXPECT_THAT(mistakes("rules:\n  - {name: a, when: burner/on, message: " + std::string(1001, 'x') + "}\n"),
              HasSubstr("message: is 1001 bytes long; 1000 are the most"));
  EXPECT_THAT(mistakes("rules: []"), HasSubstr("has no rule"));
  EXPECT_THAT(mistakes("{}"), HasSubstr("rules: is missing"));
  EXPECT_THAT(mistakes("rules: {"), HasSubstr("is not valid YAML"));
}

TEST(LoadRules, NamesAreUniqueOverAllFiles) {
  const TestFolder folder;
  std::ofstream(folder / "one.yaml") << "rules: [{name: a, when: burner/on}]\n";
  std::ofstream(folder / "two.yaml") << "rules:\n  - name: b\n    when: burner/on\n  - name: a\n    when: nothing\n";
  config::GatewaySettings settings;
  settings.rules = {(folder / "one.yaml").string(), (folder / "two.yaml").string()};
  const Surroundings around = boiler_room();
  const auto rules = rules_of(settings, around);
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().code, ErrorCode::config_invalid);
  EXPECT_THAT(rules.error().message, HasSubstr("two.yaml:4: rules[1].name: 'a' is already that of another rule"));
  EXPECT_THAT(rules.error().message, HasSubstr("two.yaml:5: rules[1].when: column 1: there is no tag 'nothing'"));
  settings.rules.pop_back();
  EXPECT_EQ(rules_of(settings, around)->size(), 1U);
  settings.rules = {(folder / "none.yaml").string()};
  EXPECT_EQ(rules_of(settings, around).error().code, ErrorCode::file_not_found);
}

TEST(Surroundings, SilenceOfASourceThatTellsChangesIsNoFault) {
  config::GatewaySettings settings;
  using Kind = config::TagSourceSettings::Kind;
  for (const auto& [name, kind] :
       {std::pair{"plc", Kind::modbus}, {"server", Kind::opcua}, {"node", Kind::sparkplug}}) {
    settings.telemetry.sources.emplace_back().name = name;
    settings.telemetry.sources.back().kind = kind;
    settings.telemetry.tags.emplace_back().name = std::string("of ") + name;
    settings.telemetry.tags.back().source = name;
    settings.telemetry.tags.back().max_silence = 60s;
  }
  const Surroundings around = surroundings_of(settings);
  EXPECT_EQ(around.tags.all()[0].max_silence, 60s);
  EXPECT_EQ(around.tags.all()[1].max_silence, 0s);
  EXPECT_EQ(around.tags.all()[2].max_silence, 0s);
}

TEST(LoadRules, ExamplesLoadWithoutTheirGateway) {
  const auto rules = load_rules(LINESIDE_SOURCE_DIR "/examples/rules.yaml", {TagList::any()});
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_TRUE(holds_rules(LINESIDE_SOURCE_DIR "/examples/rules.yaml"));
  EXPECT_FALSE(holds_rules(LINESIDE_SOURCE_DIR "/examples/gateway.yaml"));
}

}  // namespace
}  // namespace lineside::rules
