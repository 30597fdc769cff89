#include "gateway/tags/mqtt_payload.h"

#include <gtest/gtest.h>

#include <format>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using Kind = PayloadReading::Kind;
using TimeUnit = config::MqttTagSettings::TimeUnit;

PayloadReading read(std::string_view text, const config::MqttTagSettings& settings = {}) {
  const Payload payload({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return PayloadReader::create(settings).value().read(payload);
}

config::MqttTagSettings at(std::string value) {
  config::MqttTagSettings settings;
  settings.value = std::move(value);
  return settings;
}

TEST(MqttPayload, TakesPlainNumbers) {
  const std::pair<const char*, double> cases[] = {{"21.5", 21.5}, {" -3e2\r\n", -300}, {"+7", 7},   {"0", 0},
                                                  {"true", 1},    {"false", 0},        {".5", 0.5}, {"1e-3", 0.001}};
  for (const auto& [text, value] : cases) {
    EXPECT_EQ(read(text).kind, Kind::value) << text;
    EXPECT_EQ(read(text).value, value) << text;
  }
}

TEST(MqttPayload, MakesNoNumberOfWhatIsNone) {
  for (const char* text : {"", " ", "on", "21,5", "21.5 C", "0x10", "nan", "NaN", "inf", "-Infinity", "1e999", "--1",
                           "1 2", "{\"value\": 1}", "[1]", "\"1\"", "null", "TRUE"})
    EXPECT_EQ(read(text).kind, Kind::bad) << text;
  EXPECT_EQ(read("on").why, "'on' is no number");
  EXPECT_EQ(read("\x01\x02\xFF").why, "'\?\?\?' is no number") << "a log stays readable";
  EXPECT_LT(read(std::string(100'000, 'x')).why.size(), 100U);
}

TEST(MqttPayload, FindsTheValueByItsPointer) {
  const char* text = R"({"a": {"b": [1, {"c/d": 2.5}]}, "t": "3", "yes": true, "nothing": null, "m~n": 4})";
  EXPECT_EQ(read(text, at("/a/b/0")).value, 1);
  EXPECT_EQ(read(text, at("/a/b/1/c~1d")).value, 2.5);
  EXPECT_EQ(read(text, at("/t")).value, 3) << "a number in quotes";
  EXPECT_EQ(read(text, at("/yes")).value, 1);
  EXPECT_EQ(read(text, at("/m~0n")).value, 4);
  for (const char* pointer :
       {"/nothing", "/a", "/a/b", "/x", "/a/b/2", "/a/b/-", "/a/b/01", "/a/b/99999999999999999999"})
    EXPECT_EQ(read(text, at(pointer)).kind, Kind::bad) << pointer;
  EXPECT_EQ(read("{\"a\": 1", at("/a")).kind, Kind::bad) << "cut off";
  EXPECT_EQ(read("{\"a\": 1e999}", at("/a")).kind, Kind::bad);
  EXPECT_EQ(read("{\"a\": NaN}", at("/a")).kind, Kind::bad);
  EXPECT_EQ(read(std::string(100'000, '['), at("/a")).kind, Kind::bad);
}

TEST(MqttPayload, AnOptionalValueMayBeAbsent_ButNotBroken) {
  auto settings = at("/a");
  settings.optional = true;
  EXPECT_EQ(read("{\"b\": 1}", settings).kind, Kind::absent);
  EXPECT_EQ(read("{\"a\": null}", settings).kind, Kind::bad);
  EXPECT_EQ(read("nonsense", settings).kind, Kind::bad);
}

TEST(MqttPayload, ReadsTimesInTheirUnit) {
  auto settings = at("/v");
  settings.time = "/t";
  constexpr WallTime kTime{1'700'000'000s + 250ms};
  const auto time = [&](std::string_view text, TimeUnit unit = TimeUnit::ms) {
    settings.time_unit = unit;
    const auto reading = read(std::format(R"({{"v": 1, "t": {}}})", text), settings);
    EXPECT_EQ(reading.kind, Kind::value) << "the value is as good as before";
    EXPECT_TRUE(reading.has_time);
    return reading.time;
  };
  EXPECT_EQ(time("1700000000250"), kTime);
  EXPECT_EQ(time("1700000000.25", TimeUnit::s), kTime);
  EXPECT_EQ(time("1700000000250000", TimeUnit::us), kTime);
  EXPECT_EQ(time("1700000000250000000", TimeUnit::ns), kTime);
  EXPECT_EQ(time("\"1700000000250\""), kTime);
  EXPECT_EQ(time("\"2023-11-14T22:13:20.250Z\""), kTime);
  for (const char* none : {"0", "-5", "1e300", "18446744073709551615", "9223372036854775807", "\"yesterday\"",
                           "\"2023-11-14T22:13:20\"", "null", "{}", "true"})
    EXPECT_EQ(time(none), WallTime{}) << none;
  EXPECT_FALSE(read("{\"v\": 1}", settings).has_time);
}

TEST(MqttPayload, ReadsQualities) {
  auto settings = at("/v");
  settings.quality = "/q";
  const auto quality = [&](std::string_view text) {
    return read(std::format(R"({{"v": 1, "q": {}}})", text), settings).quality;
  };
  for (const char* good : {"192", "\"good\"", "\"OK\"", "true", "\"216\""}) EXPECT_EQ(quality(good), Quality::good);
  for (const char* doubtful : {"64", "\"Uncertain\"", "null", "[]"})
    EXPECT_EQ(quality(doubtful), Quality::uncertain) << doubtful;
  for (const char* bad : {"0", "\"bad\"", "false", "\"broken\"", "-1"}) EXPECT_EQ(quality(bad), Quality::bad) << bad;
  EXPECT_EQ(read(R"({"v": 1})", settings).quality, Quality::uncertain) << "nobody says that it is good";
  EXPECT_EQ(read(R"({"v": 1, "q": "bad"})", settings).kind, Kind::bad);
}

}  // namespace
}  // namespace lineside::gateway
