#include "config/grants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>
#include <fstream>

#include "base/test_folder.h"
#include "config/load.h"

namespace lineside::config {
namespace {

using ::testing::HasSubstr;
using Kind = TagSourceSettings::Kind;
using Type = ModbusTagSettings::Type;

class GrantsTest : public ::testing::Test {
 protected:
  std::string mistakes(const std::string& grants) {
    std::ofstream(folder_ / "gateway.yaml") << R"(gateway: g1
data_dir: data
tag_sources:
  - {name: plc, kind: modbus, host: 127.0.0.1}
  - {name: server, kind: opcua, opcua: {endpoint: "opc.tcp://127.0.0.1:4840"}}
  - {name: rooms, kind: mqtt, host: 127.0.0.1}
tags:
  - {name: valve, source: plc, unit: "%", scale: 0.5, modbus: {address: 8}}
  - {name: valve-again, source: plc, unit: "%", modbus: {address: 7, type: uint32}}
  - {name: bit, source: plc, modbus: {address: 9, bit: 3}}
  - {name: input, source: plc, modbus: {area: input, address: 8}}
  - {name: coil, source: plc, modbus: {area: coil, address: 8}}
  - {name: float, source: plc, valid_low: 0, valid_high: 10, modbus: {address: 20, type: float32}}
  - {name: node, source: server, opcua: {node: "ns=1;s=a"}}
  - {name: element, source: server, opcua: {node: "ns=1;s=b", element: 2}}
  - {name: room, source: rooms, mqtt: {topic: a}}
grants:
)" << grants;
    const auto settings = load_gateway_settings(folder_ / "gateway.yaml");
    return settings ? "" : settings.error().message;
  }
  static std::string grant(const std::string& tag, const std::string& range = "min: 0, max: 1",
                           const std::string& more = "") {
    return std::format("  - {{tag: {}, rules: [a], {}{}, expires: 2030-01-01T00:00:00Z}}\n", tag, range, more);
  }
  TestFolder folder_;
};

TEST_F(GrantsTest, TakesRegistersCoilsAndNodes) {
  EXPECT_EQ(
      mistakes(grant("valve", "min: 0, max: 100", ", unit: \"%\"") + grant("coil") + grant("float") + grant("node")),
      "");
}

TEST_F(GrantsTest, RefusesWhatCantBeWritten) {
  EXPECT_THAT(mistakes(grant("input")), HasSubstr("grants[0].tag: 'input' can't be written: input registers"));
  EXPECT_THAT(mistakes(grant("bit")), HasSubstr("a bit of a register can't be written without the others"));
  EXPECT_THAT(mistakes(grant("element")), HasSubstr("an element of an array can't be written alone"));
  EXPECT_THAT(mistakes(grant("room")), HasSubstr("only sources of kind modbus and opcua can write"));
  EXPECT_THAT(mistakes(grant("none")), HasSubstr("there is no tag 'none'"));
}

TEST_F(GrantsTest, RefusesUnitsRangesAndTimesThatDontFit) {
  EXPECT_THAT(mistakes(grant("valve", "min: 0, max: 100")), HasSubstr("unit: must be that of the tag, %"));
  EXPECT_THAT(mistakes(grant("coil", "min: 0, max: 1", ", unit: bar")),
              HasSubstr("unit: is bar, but the tag has no unit"));
  EXPECT_THAT(mistakes(grant("coil", "min: 0, max: 2")),
              HasSubstr("max: it would be 2 in the device, which holds 0 to 1"));
  EXPECT_THAT(mistakes(grant("valve", "min: -1, max: 9", ", unit: \"%\"")),
              HasSubstr("min: it would be -2 in the device"));
  EXPECT_THAT(mistakes(grant("valve", "min: 0, max: 9.3", ", unit: \"%\"")), HasSubstr("in steps of 0.5; write 9.5"));
  EXPECT_THAT(mistakes(grant("float", "min: -1, max: 11")), HasSubstr("min: is below the tag's valid_low, 0"));
  EXPECT_THAT(mistakes(grant("float", "min: 2, max: 1")), HasSubstr("max: is below min"));
  EXPECT_THAT(mistakes("  - {tag: coil, rules: [], min: 0, max: 1, expires: 2030-01-01}\n"),
              HasSubstr("expires: '2030-01-01' is no time with a zone"));
  EXPECT_THAT(mistakes("  - {tag: coil, rules: [], min: 0, max: 1, expires: 2030-01-01T00:00:00Z}\n"),
              HasSubstr("rules: is empty"));
  EXPECT_THAT(mistakes("  - {tag: coil}\n"), HasSubstr("expires: is missing"));
}

TEST_F(GrantsTest, APlaceHasOneGrant_WhateverTheTagIsCalled) {
  EXPECT_THAT(mistakes(grant("coil") + grant("coil")), HasSubstr("grants[1].tag: another grant is for the same place"));
  EXPECT_THAT(mistakes(grant("valve", "min: 0, max: 9", ", unit: \"%\"") +
                       grant("valve-again", "min: 0, max: 9", ", unit: \"%\"")),
              HasSubstr("grants[1].tag: another grant is for the same place, that of 'valve'"));
}

TEST(RawOf, KnowsWhatEachTypeHolds) {
  TagSettings tag;
  const auto raw = [&](Type type, double value) {
    tag.modbus.type = type;
    return raw_of(tag, Kind::modbus, value);
  };
  EXPECT_EQ(raw(Type::uint16, 65'535).value(), 65'535);
  EXPECT_FALSE(raw(Type::uint16, 65'536));
  EXPECT_FALSE(raw(Type::uint16, -1));
  EXPECT_EQ(raw(Type::int16, -32'768).value(), -32'768);
  EXPECT_FALSE(raw(Type::int32, 3e9));
  EXPECT_FALSE(raw(Type::uint64, 1e17));
  EXPECT_FALSE(raw(Type::float32, 1e39));
  EXPECT_FALSE(raw(Type::float64, std::numeric_limits<double>::infinity()));
  EXPECT_EQ(raw(Type::float64, 1e39).value(), 1e39);
  tag.scale = 0.1;
  EXPECT_EQ(raw(Type::uint16, 0.3).value(), 3) << "0.3 / 0.1 is a little less than 3";
  EXPECT_FALSE(raw(Type::uint16, 0.35));
}

}  // namespace
}  // namespace lineside::config
