#include "rules/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <format>
#include <fstream>
#include <random>
#include <utility>

#include "base/test_folder.h"

namespace lineside::rules {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kTemperature = 0, kOn = 1, kPressure = 2;

WallTime at(double seconds) {
  return WallTime{std::chrono::seconds{1'700'000'040} + nanoseconds{static_cast<std::int64_t>(seconds * 1e9)}};
}

Sample sample(std::size_t tag, double seconds, double value, Quality quality = Quality::good) {
  return {.tag = tag, .source_time = at(seconds), .received = at(seconds), .value = value, .quality = quality};
}

// An engine with rules from YAML; what it tells, as "12.5 raised hot".
class Rig : public RuleSink {
 public:
  explicit Rig(const std::string& yaml)
      : around_{TagList({{"t", "°C", 0s}, {"on", "", 0s}, {"p", "bar", 100s}}), {}, {"b"}}, engine_(make(yaml)) {}

  void on_rule(const RuleEvent& event) override {
    const double seconds = std::chrono::duration<double>(event.time - at(0)).count();
    told_.push_back(std::format("{:g} {} {}", seconds, to_string(event.kind), event.rule));
    last_ = event;
  }
  void read(std::size_t tag, double seconds, double value, Quality quality = Quality::good) {
    const Sample one = sample(tag, seconds, value, quality);
    engine_.on_samples({&one, 1});
  }
  void advance(double seconds) { engine_.advance(at(seconds)); }
  std::vector<std::string> told() { return std::exchange(told_, {}); }
  const RuleEvent& last() const { return last_; }
  RuleEngine& engine() { return engine_; }

 private:
  RuleEngine make(const std::string& yaml) {
    const TestFolder folder;
    std::ofstream(folder / "rules.yaml") << yaml;
    auto rules = load_rules(folder / "rules.yaml", around_);
    EXPECT_TRUE(rules) << rules.error().message;
    return RuleEngine::create(std::move(*rules), around_.tags, *this).value();
  }
  Surroundings around_;
  RuleEngine engine_;
  std::vector<std::string> told_;
  RuleEvent last_;
};

TEST(RuleEngine, TripsWhenItsDelayEnds_WithoutAReadingAtThatTime) {
  Rig rig("rules: [{name: hot, when: t > 80 and on for 30 s, message: 'At {t}, {t - 80} above'}]");
  rig.read(kTemperature, 0, 90);
  rig.read(kOn, 5, 1);
  rig.advance(34.9);
  EXPECT_THAT(rig.told(), IsEmpty());
  rig.advance(60);
  EXPECT_THAT(rig.told(), ElementsAre("35 raised hot"));
  EXPECT_EQ(rig.last().message, "At 90 °C, 10 °C above");
  rig.read(kOn, 61, 0);
  EXPECT_THAT(rig.told(), ElementsAre("61 cleared hot"));
}

TEST(RuleEngine, HysteresisKeepsAnAlarmThatIsThere) {
  Rig rig("rules: [{name: hot, when: t > 80, hysteresis: 2 K}]");
  double time = 0;
  for (const double value : {79.0, 80.5, 79.0, 78.5, 78.0, 79.5, 81.0}) rig.read(kTemperature, time++, value);
  EXPECT_THAT(rig.told(), ElementsAre("1 raised hot", "4 cleared hot", "6 raised hot"));
}

TEST(RuleEngine, ClearWhenAndOffDelayEndAnAlarm) {
  Rig rig("rules: [{name: hot, when: t > 80, clear_when: t < 70 and not on, off_delay_ms: 10000}]");
  rig.read(kOn, 0, 1);
  rig.read(kTemperature, 0, 90);
  rig.read(kTemperature, 1, 60);
  rig.read(kOn, 2, 0);
  rig.read(kTemperature, 11, 75);
  rig.read(kTemperature, 20, 65);
  rig.advance(40);
  EXPECT_THAT(rig.told(), ElementsAre("0 raised hot", "30 cleared hot"));
}

TEST(RuleEngine, ALatchedAlarmClearsWhenAcknowledged) {
  Rig rig("rules: [{name: hot, when: t > 80, latching: true}]");
  rig.read(kTemperature, 0, 90);
  rig.read(kTemperature, 1, 20);
  EXPECT_THAT(rig.told(), ElementsAre("0 raised hot"));
  EXPECT_EQ(rig.engine().status()[0].state, AlarmState::latched);
  EXPECT_TRUE(rig.engine().acknowledge("hot", "anna", at(9)));
  EXPECT_THAT(rig.told(), ElementsAre("9 acknowledged hot", "9 cleared hot"));
  EXPECT_EQ(to_record(rig.last(), "id").evidence.at("by"), "anna");
  EXPECT_TRUE(rig.engine().acknowledge("hot", "anna", at(9)));
  EXPECT_THAT(rig.told(), IsEmpty());
  EXPECT_EQ(rig.engine().acknowledge("cold", "anna", at(9)).error().code, ErrorCode::not_found);
}

TEST(RuleEngine, BadQualityNeitherTripsNorClearsInSilence) {
  Rig rig("rules: [{name: hot, when: t > 80, unknown_after_ms: 60000}]");
  rig.read(kTemperature, 0, 90);
  rig.read(kTemperature, 10, std::nan(""), Quality::bad);
  rig.advance(69);
  EXPECT_THAT(rig.told(), ElementsAre("0 raised hot"));
  rig.advance(100);
  EXPECT_THAT(rig.told(), ElementsAre("70 unknown hot"));
  EXPECT_EQ(rig.last().message, "hot can't be judged: t is bad");
  rig.read(kTemperature, 110, 20, Quality::uncertain);
  EXPECT_THAT(rig.told(), IsEmpty());
  rig.read(kTemperature, 120, 20);
  EXPECT_THAT(rig.told(), ElementsAre("120 known hot", "120 cleared hot"));
}

TEST(RuleEngine, ATagThatIsSilentForTooLongIsStale) {
  Rig rig(
      "rules: [{name: low, when: p < 2, unknown_after_ms: 0}, {name: patient, when: p < 2, stale_after_ms: 500000}]");
  EXPECT_THAT(rig.told(), IsEmpty());
  rig.read(kPressure, 0, 5);
  rig.advance(1000);
  EXPECT_THAT(rig.told(), ElementsAre("0 unknown low", "0 known low", "100 unknown low", "560 unknown patient"));
  EXPECT_EQ(rig.last().message, "patient can't be judged: p is silent");
  rig.read(kPressure, 1001, 5);
  EXPECT_THAT(rig.told(), ElementsAre("1001 known low", "1001 known patient"));
}

TEST(RuleEngine, WindowsSlideOnWithoutReadings) {
  Rig rig("rules: [{name: mean, when: 'mean(t, 60 s) > 50'}, {name: steep, when: 'rate(t, 60 s) > 20 K/min'}]");
  for (int second = 0; second <= 120; ++second) rig.read(kTemperature, second, 0);
  rig.read(kTemperature, 120.5, 100);
  rig.advance(400);
  const auto told = rig.told();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0], "120.5 raised steep");
  EXPECT_THAT(told[1], HasSubstr("raised mean"));
  EXPECT_NEAR(std::stod(told[1]), 151, 1.1);
  EXPECT_THAT(told[2], HasSubstr("cleared steep"));
  EXPECT_NEAR(std::stod(told[2]), 181, 1.1);
}

TEST(RuleEngine, ReadingsOfOneTimeAreJudgedTogether) {
  Rig rig("rules: [{name: split, when: t - 20 > 5 and not on}]");
  const Sample first[] = {sample(kTemperature, 0, 20), sample(kOn, 0, 0)};
  rig.engine().on_samples(first);
  const Sample second[] = {sample(kTemperature, 1, 40), sample(kOn, 1, 1)};
  rig.engine().on_samples(second);
  EXPECT_THAT(rig.told(), IsEmpty());
  const Sample third[] = {sample(kOn, 2, 0), sample(kOn, 3, 1)};
  rig.engine().on_samples(third);
  EXPECT_THAT(rig.told(), ElementsAre("2 raised split", "3 cleared split"));
}

TEST(RuleEngine, OlderReadingsDontReplaceNewerOnes) {
  Rig rig("rules: [{name: hot, when: t > 80}]");
  rig.read(kTemperature, 10, 20);
  rig.read(kTemperature, 9, 90);
  EXPECT_THAT(rig.told(), IsEmpty());
  EXPECT_EQ(rig.engine().counters().late, 1U);
  rig.read(kPressure, 50, 1);
  rig.read(kTemperature, 30, 90);  // late, but the newest of its tag: counts from now on
  EXPECT_THAT(rig.told(), ElementsAre("50 raised hot"));
}

TEST(RuleEngine, AClockAheadOfItsReceiptDoesNotCarryTheOthersAlong) {
  Rig rig("rules: [{name: hot, when: t > 80 for 60 s}, {name: low, when: p < 1}]");
  rig.read(kTemperature, 0, 90);
  Sample wrong = sample(kPressure, 0, 0.5);
  wrong.source_time = at(1e8);
  wrong.received = at(5);
  rig.engine().on_samples({&wrong, 1});
  EXPECT_THAT(rig.told(), ElementsAre("5 raised low"));
  EXPECT_EQ(rig.engine().counters().from_future, 1U);
  Sample old = sample(kTemperature, 0, 10);
  old.source_time = WallTime{1s};  // 1970
  old.received = at(6);
  rig.engine().on_samples({&old, 1});
  rig.advance(60);
  EXPECT_THAT(rig.told(), ElementsAre("60 raised hot"));
}

TEST(RuleEngine, GoesOnWhenTheClockIsSetBack) {
  Rig rig("rules: [{name: hot, when: t > 80 for 60 s}, {name: mean, when: 'mean(t, 60 s) > 80'}]");
  rig.advance(5000);
  rig.read(kTemperature, 5000, 90);
  rig.advance(5030);
  EXPECT_THAT(rig.told(), ElementsAre("5030 raised mean"));
  rig.advance(100);  // 30 of 60 s have passed
  EXPECT_EQ(rig.engine().counters().clock_set, 1U);
  rig.read(kTemperature, 110, 90);
  rig.advance(200);
  EXPECT_THAT(rig.told(), ElementsAre("130 raised hot"));
  rig.read(kTemperature, 201, 10);
  EXPECT_THAT(rig.told(), ElementsAre("201 cleared hot"));
}

TEST(RuleEngine, ASourceWhoseClockIsBehindIsAsGoodAsAny) {
  Rig rig("rules: [{name: low, when: p < 2 for 10 s}]");
  const auto read = [&](double seconds, double value) {
    Sample one = sample(kPressure, seconds, value);
    one.source_time = at(seconds - 3600);
    rig.advance(seconds);
    rig.engine().on_samples({&one, 1});
  };
  read(1, 5);
  Sample gone{.tag = kPressure, .received = at(2)};  // the source's word that it is away has no time of the device
  rig.engine().on_samples({&gone, 1});
  read(3, 1);
  rig.advance(12.9);
  EXPECT_THAT(rig.told(), IsEmpty());
  rig.advance(90);
  EXPECT_THAT(rig.told(), ElementsAre("13 raised low"));
  rig.advance(104);
  read(104, 1);
  EXPECT_EQ(rig.engine().status()[0].known, true);
  EXPECT_EQ(rig.engine().counters().late, 0U);
}

TEST(RuleEngine, ASourceWhoseClockIsSetBackIsHeardAgainAfterAMinute) {
  Rig rig("rules: [{name: hot, when: t > 80}]");
  rig.read(kTemperature, 0, 20);
  for (int second = 1; second <= 70; ++second) {
    Sample one = sample(kTemperature, second, 90);
    one.source_time -= std::chrono::hours{1};
    rig.engine().on_samples({&one, 1});
    rig.advance(second);
  }
  EXPECT_THAT(rig.told(), ElementsAre("60 raised hot"));
  EXPECT_EQ(rig.engine().counters().late, 60U);
}

TEST(RuleEngine, NothingTripsBecauseTheClockIsSetAhead) {
  Rig rig(
      "rules: [{name: hot, when: t > 80 for 60 s}, {name: fresh, when: p < 1, unknown_after_ms: 5000}, "
      "{name: mean, when: 'mean(t, 60 s) > 80'}]");
  rig.read(kTemperature, 0, 90);
  rig.read(kPressure, 0, 5);
  rig.advance(20);
  rig.engine().clock_set(std::chrono::hours{5});
  rig.advance(18'000 + 59);
  EXPECT_THAT(rig.told(), ElementsAre("18050 raised mean"));  // half of its window after it began anew
  rig.read(kTemperature, 18'061, 90);
  EXPECT_THAT(rig.told(), ElementsAre("18060 raised hot"));
  EXPECT_EQ(rig.engine().counters().clock_set, 1U);
  EXPECT_EQ(rig.engine().counters().late, 0U);
}

TEST(RuleEngine, AlarmsOutliveARestart) {
  const std::string yaml =
      "rules: [{name: hot, asset: boiler, when: t > 80, message: 'At {t}'}, {name: low, when: p < 2}]";
  Rig before(yaml), after(yaml);
  before.read(kTemperature, 0, 90);
  auto kept = before.engine().status();
  EXPECT_EQ(kept[0].message, "At 90 °C");
  EXPECT_EQ(kept[0].asset, "boiler");
  kept.push_back({.rule = "gone", .state = AlarmState::active});
  const auto gone = after.engine().restore(kept);
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone[0].rule, "gone");
  after.read(kTemperature, 100, 91);
  EXPECT_THAT(after.told(), IsEmpty());
  EXPECT_EQ(after.engine().status()[0].since, at(0));
  EXPECT_EQ(after.engine().status()[0].message, "At 90 °C");
  after.read(kTemperature, 101, 20);
  EXPECT_THAT(after.told(), ElementsAre("101 cleared hot"));
  EXPECT_EQ(after.engine().status()[0].message, "");
}

TEST(RuleEngine, CountsWhatItCantUse) {
  Rig rig("rules: [{name: hot, when: t > 80, unknown_after_ms: 0}]");
  rig.read(kTemperature, 0, 20);
  rig.told();
  rig.read(99, 1, 1);
  rig.read(kTemperature, 62, std::numeric_limits<double>::infinity());
  EXPECT_THAT(rig.told(), ElementsAre("62 unknown hot"));
  EXPECT_EQ(rig.engine().counters().refused, 2U);
}

TEST(RuleEngine, SaysWhatIsToBePublished) {
  Rig rig(R"(rules:
  - name: hot
    when: t > 80 and on == on
    actions:
      - {kind: publish, broker: b, topic: alarms/hot, payload: '{{"t": {t}, "p": {p}}}', ttl_ms: 5000}
      - {kind: publish, broker: b, topic: alarms/hot, payload: over, at: cleared, ttl_ms: 1000}
)");
  rig.read(kOn, 0, 1);
  rig.read(kTemperature, 0, 90.25);
  ASSERT_EQ(rig.last().messages.size(), 1U);
  EXPECT_EQ(rig.last().messages[0].payload, R"({"t": 90.25, "p": null})");
  EXPECT_EQ(rig.last().messages[0].topic, "alarms/hot");
  EXPECT_EQ(rig.last().messages[0].ttl, 5s);
  rig.read(kTemperature, 5, 20);
  ASSERT_EQ(rig.last().messages.size(), 1U);
  EXPECT_EQ(rig.last().messages[0].payload, "over");
}

TEST(RuleEngine, MakesRecordsOfWhatItTells) {
  Rig rig("rules: [{name: hot, asset: boiler, when: t > 80, severity: critical}]");
  rig.read(kTemperature, 0, 90.25);
  const EventRecord record = to_record(rig.last(), "id");
  EXPECT_EQ(record.type, "alarm.raised");
  EXPECT_EQ(record.asset, "boiler");
  EXPECT_EQ(record.severity, Severity::critical);
  EXPECT_EQ(record.message, "hot: t > 80");
  EXPECT_EQ(record.evidence.at("t"), "90.25 °C");
  EXPECT_EQ(record.evidence.at("rule"), "hot");
}

// Live the clock is told at moments of its own; a replay tells it at other ones.
TEST(RuleEngine, TellsTheSameHoweverOftenItsClockIsTold) {
  const std::string yaml = R"(rules:
  - {name: hot, when: t > 60 for 7 s, hysteresis: 3, off_delay_ms: 2500}
  - {name: mean, when: "mean(t, 30 s) > 52 and p < 4", unknown_after_ms: 20000}
  - {name: span, when: "max(t, 20 s) - min(t, 20 s) > 60", latching: true}
  - {name: steep, when: "rate(t, 10 s) > 2 K/s or count(on, 15 s) < 2"}
  - {name: stale, when: p > 4, stale_after_ms: 9000, unknown_after_ms: 3000}
)";
  std::mt19937 random(5);
  std::vector<Sample> samples;
  double now = 0, value = 50;
  for (int i = 0; i < 3000; ++i) {
    now += static_cast<double>(random() % 3000) / 1000;
    value = std::clamp(value + static_cast<double>(random() % 41) - 20, 0.0, 100.0);
    const Quality quality = random() % 50 == 0 ? Quality::bad : Quality::good;
    samples.push_back(sample(random() % 3, now, value, quality));
    if (samples.back().tag == kPressure) samples.back().value = value / 12;
  }
  const auto replay = [&](double step) {
    Rig rig(yaml);
    rig.advance(0);
    double told = 0;
    for (const Sample& one : samples) {
      const double time = std::chrono::duration<double>(one.source_time - at(0)).count();
      for (; step > 0 && told + step <= time; told += step) rig.advance(told + step);
      rig.engine().on_samples({&one, 1});
    }
    return rig.told();
  };
  const auto once = replay(0);
  EXPECT_GT(once.size(), 100U);
  EXPECT_EQ(replay(0.05), once);
  EXPECT_EQ(replay(1), once);
  EXPECT_EQ(replay(17), once);
}

}  // namespace
}  // namespace lineside::rules
