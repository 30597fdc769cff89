#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>
#include <fstream>

#include "base/test_folder.h"
#include "cli/test_run.h"
#include "rules/alarm_file.h"
#include "toolbox/commands.h"
#include "toolbox/recording.h"

namespace lineside::toolbox {
namespace {

using cli::testing::Outcome;
using ::testing::HasSubstr;

constexpr const char* kRules = R"(rules:
  - name: hot
    when: t > 80 and on for 10 s
    hysteresis: 2
    severity: high
    message: "At {t}, {mean(t, 20 s)} on average"
    unknown_after_ms: 15000
)";
constexpr const char* kRecording =
    "time;t;on;remark\n"
    "2026-03-01 10:00:00;70,5;false;a\n"
    "2026-03-01 10:00:05;85;true;b\n"
    "2026-03-01 10:00:10;;;nothing read\n"
    "2026-03-01 10:00:20;79;true;in the hysteresis\n"
    "2026-03-01 10:00:30;Bad;true;\n"
    "2026-03-01 10:01:00;70;true;\n";

Outcome lineside(const std::vector<std::string>& words) { return cli::testing::run_words(toolbox_program(), words); }

class RulesTest : public ::testing::Test {
 protected:
  RulesTest() {
    write("rules.yaml", kRules);
    write("data.csv", kRecording);
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  TestFolder folder_;
};

TEST_F(RulesTest, PrintsWhatARecordingWouldHaveRaised) {
  const Outcome done = lineside({"rules", "test", path("rules.yaml"), "--data", path("data.csv")});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out,
            "2026-03-01 10:00:15.000  raised   hot  At 85, 80.1667 on average (t 85, on 1)\n"
            "2026-03-01 10:00:45.000  unknown  hot  hot can't be judged: t is bad (t no good reading, on 1)\n"
            "2026-03-01 10:01:00.000  known    hot  hot is judged again (t 70, on 1)\n"
            "2026-03-01 10:01:00.000  cleared  hot  At 70, not known on average (t 70, on 1)\n"
            "6 rows from 2026-03-01 10:00:00.000 to 2026-03-01 10:01:00.000, 14 readings\n"
            "  hot: raised 1, cleared 1, unknown 1, active for 45 s, at the end normal\n");
}

TEST_F(RulesTest, PrintsJsonLines) {
  const Outcome done = lineside({"rules", "test", path("rules.yaml"), "--data", path("data.csv"), "--json"});
  EXPECT_THAT(done.out,
              HasSubstr(R"({"time":"2026-03-01T10:00:15.000Z","event":"raised","rule":"hot","severity":"high",)"
                        R"("message":"At 85, 80.1667 on average","values":{"t":85.0,"on":1.0}})"));
  EXPECT_THAT(done.out,
              HasSubstr(R"({"rule":"hot","raised":1,"cleared":1,"unknown":1,"active_s":45.0,"state":"normal",)"
                        R"("known":true})"));
}

TEST_F(RulesTest, ExitCodesTellScriptsWhatHappened) {
  EXPECT_EQ(lineside({"rules", "test", path("rules.yaml"), "--data", path("data.csv"), "--fail-on-alarm"}).code, 1);
  write("wrong.yaml", "rules: [{name: a, when: tt > 3}]");
  const Outcome wrong = lineside({"rules", "test", path("wrong.yaml"), "--data", path("data.csv")});
  EXPECT_EQ(wrong.code, 78);
  EXPECT_THAT(wrong.err, HasSubstr("wrong.yaml:1: rules[0].when: column 1: there is no tag 'tt'; did you mean t?"));
  EXPECT_EQ(lineside({"rules", "test", path("rules.yaml"), "--data", path("none.csv")}).code, 66);
  write("untimed.csv", "t,on\n1,2\n2,3\n");
  const Outcome untimed = lineside({"rules", "test", path("rules.yaml"), "--data", path("untimed.csv")});
  EXPECT_EQ(untimed.code, 2);
  EXPECT_THAT(untimed.err, HasSubstr("--time-column"));
  EXPECT_EQ(lineside({"rules", "test", path("rules.yaml"), "--data", path("untimed.csv"), "--period", "1"}).code, 0);
}

TEST_F(RulesTest, TakesTagsAndUnitsOfAGateway) {
  write("gateway.yaml",
        "gateway: g\ndata_dir: data\ntag_sources: [{name: f, kind: file, path: data.csv}]\n"
        "tags: [{name: t, source: f, unit: °C, max_silence_ms: 8000}, {name: 'on', source: f}]\n");
  const Outcome checked = lineside({"rules", "check", path("rules.yaml"), "--config", path("gateway.yaml")});
  EXPECT_EQ(checked.code, 0) << checked.err;
  write("wrong.yaml", "rules: [{name: a, when: t > 3 bar}]");
  const Outcome wrong = lineside({"rules", "check", path("wrong.yaml"), "--config", path("gateway.yaml")});
  EXPECT_EQ(wrong.code, 78);
  EXPECT_THAT(wrong.err, HasSubstr("°C on the left does not fit bar on the right"));
  const Outcome tested =
      lineside({"rules", "test", path("rules.yaml"), "--data", path("data.csv"), "--config", path("gateway.yaml")});
  EXPECT_THAT(tested.out, HasSubstr("hot: raised 0,"));  // stale before its delay had ended
}

TEST_F(RulesTest, AGatewaysRulesAreCheckedWithItsSettings_AndAcknowledged) {
  write("gateway.yaml",
        "gateway: g\ndata_dir: data\ntag_sources: [{name: f, kind: file, path: data.csv}]\nrules: [rules.yaml]\n"
        "tags: [{name: t, source: f, unit: °C}, {name: 'on', source: f}]\n");
  const Outcome fine = lineside({"check", path("gateway.yaml")});
  EXPECT_EQ(fine.code, 0) << fine.err;
  const std::vector<std::string> by_anna{"--config", path("gateway.yaml"), "--by", "anna"};
  const auto acknowledge = [&](const std::string& rule) {
    std::vector<std::string> words{"rules", "acknowledge", rule};
    words.insert(words.end(), by_anna.begin(), by_anna.end());
    return lineside(words);
  };
  EXPECT_EQ(acknowledge("hot").code, 66);  // no gateway was ever started here
  const auto folder = rules::alarm_folder(path("data"));
  ASSERT_TRUE(rules::make_alarm_folder(folder));
  EXPECT_EQ(acknowledge("cold").code, 66);
  EXPECT_EQ(acknowledge("hot").code, 0);
  EXPECT_EQ(rules::take_acknowledgements(folder).size(), 1U);
  write("rules.yaml", "rules:\n  - name: hot\n    when: t > 80 and of\n");
  const Outcome wrong = lineside({"check", path("gateway.yaml")});
  EXPECT_EQ(wrong.code, 78);
  EXPECT_THAT(wrong.err, HasSubstr("rules.yaml:3: rules[0].when: column 12: there is no tag 'of'; did you mean on?"));
  std::filesystem::remove(path("rules.yaml"));
  EXPECT_NE(lineside({"check", path("gateway.yaml")}).code, 0);
}

TEST_F(RulesTest, SaysWhatWouldBeWritten_AndWritesNothing) {
  write("writes.yaml",
        "rules: [{name: hot, when: t > 80, actions: [{kind: write, tag: valve, value: 60 %, min: 0, max: 100, "
        "interlocks: ['on == 1'], ttl_ms: 5000, back_to: 5, back_after_ms: 60000}]}]\n");
  write("writes.csv",
        "time,t,on,valve\n2026-03-01 10:00:00,20,1,5\n2026-03-01 10:00:10,90,1,5\n2026-03-01 10:05:00,20,0,5\n"
        "2026-03-01 10:10:00,90,0,5\n");
  const Outcome alone = lineside({"rules", "test", path("writes.yaml"), "--data", path("writes.csv")});
  EXPECT_EQ(alone.code, 0) << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("2026-03-01 10:00:10.000  would write  hot  valve = 60, and 5 after 60s\n"));
  EXPECT_THAT(
      alone.out,
      HasSubstr("2026-03-01 10:10:00.000  would not write  hot  valve = 60: interlock `on == 1`: it is not true\n"));
  const Outcome json = lineside({"rules", "test", path("writes.yaml"), "--data", path("writes.csv"), "--json"});
  EXPECT_THAT(json.out, HasSubstr(R"("would_write":[{"tag":"valve","value":60.0,"unit":"","back_to":5.0}]})"));
  const std::string tags =
      "gateway: g\ndata_dir: data\ntag_sources: [{name: plc, kind: modbus, host: 127.0.0.1}]\n"
      "tags: [{name: t, source: plc, modbus: {address: 1}}, {name: 'on', source: plc, modbus: {address: 2}}, "
      "{name: valve, source: plc, unit: '%', modbus: {address: 3}}]\n";
  write("gateway.yaml", tags);
  const Outcome denied = lineside({"rules", "check", path("writes.yaml"), "--config", path("gateway.yaml")});
  EXPECT_EQ(denied.code, 78);
  EXPECT_THAT(denied.err, HasSubstr("lets anybody write 'valve': it needs a grant"));
  write("gateway.yaml", tags +
                            "grants: [{tag: valve, rules: [hot], unit: '%', min: 0, max: 80, expires: "
                            "2100-01-01T00:00:00Z}]\n");
  EXPECT_THAT(lineside({"rules", "check", path("writes.yaml"), "--config", path("gateway.yaml")}).err,
              HasSubstr("actions[0].max: 100 is outside of the grant of 'valve', 0 to 80"));
  write("gateway.yaml", tags +
                            "grants: [{tag: valve, rules: [hot], unit: '%', min: 0, max: 100, expires: "
                            "2100-01-01T00:00:00Z}]\n");
  EXPECT_THAT(lineside({"rules", "check", path("writes.yaml"), "--config", path("gateway.yaml")}).out,
              HasSubstr("  hot may write 60 % into valve until 2100-01-01T00:00:00Z\n"));
  EXPECT_FALSE(std::filesystem::exists(path("data")));
  const Outcome none = lineside({"rules", "audit", "--config", path("gateway.yaml")});
  EXPECT_NE(none.code, 0) << "a log that was removed is not an empty one";
  EXPECT_THAT(none.err, HasSubstr("there is no audit log"));
}

TEST(RowTimes, ReadsTimesOfDayOverMidnightAndPlainNumbers) {
  const auto table = telemetry::Table::parse("clock,ms,v\n23:59:58,1700000000000,1\n00:00:01,1700000001500,2\n", "t");
  auto clock = RowTimes::find(*table, "", {}).value();
  const WallTime first = clock.next(*table, 0).value();
  EXPECT_EQ(clock.next(*table, 1).value() - first, std::chrono::seconds{3});
  auto numbers = RowTimes::find(*table, "ms", {}).value();
  EXPECT_EQ(numbers.next(*table, 1).value(), WallTime{std::chrono::milliseconds{1'700'000'001'500}});
  EXPECT_EQ(RowTimes::find(*table, "nothing", {}).error().code, ErrorCode::usage);
}

}  // namespace
}  // namespace lineside::toolbox
