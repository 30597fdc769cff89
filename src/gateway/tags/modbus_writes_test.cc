#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "config/grants.h"
#include "gateway/tags/modbus_plan.h"
#include "gateway/tags/modbus_tags.h"
#include "gateway/tags/test_modbus_device.h"
#include "gateway/tags/test_tag_sink.h"
#include "gateway/tags/test_write.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::Asked;
using ::testing::HasSubstr;
using testing::ModbusDevices;
using Area = config::ModbusTagSettings::Area;
using Type = config::ModbusTagSettings::Type;
using Outcome = TagWritten::Outcome;

constexpr int kWriteCoil = 5, kWriteRegister = 6, kWriteRegisters = 16;

class ModbusWritesTest : public testing::TagSourceTest {
 protected:
  ModbusWritesTest() : TagSourceTest(config::TagSourceSettings::Kind::modbus) {
    settings_.period = 50ms;
    settings_.timeout = 3s;
  }
  std::size_t add(int address, Type type = Type::uint16, Area area = Area::holding, int unit = 1) {
    const std::size_t added = TagSourceTest::add();
    tags_[added].modbus = {.unit = unit, .area = area, .address = address, .type = type};
    return added;
  }
  void start(int port) {
    settings_.at.port = port;
    TagSourceTest::start();
  }
  static long writes(ModbusDevices& devices) {
    const auto requests = devices.requests();
    return std::ranges::count_if(requests, [](const auto& request) {
      return request.function == kWriteCoil || request.function == kWriteRegister ||
             request.function == kWriteRegisters;
    });
  }
};

TEST_F(ModbusWritesTest, WritesRegistersAndCoils_Scaled_AndReadsThemBack) {
  ModbusDevices devices;
  const auto one = add(7), real = add(100, Type::float32), coil = add(4, Type::uint16, Area::coil);
  tags_[one].scale = 0.5;
  tags_[one].offset = -1;
  tags_[real].modbus.swap_words = true;
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(one, 2.5) && sink_.is(coil, 0); }));
  Asked written(*source_, one, 40);
  EXPECT_EQ(written.outcome(), Outcome::written) << written.why();
  EXPECT_EQ(written.before(), 2.5);
  EXPECT_EQ(written.after(), 40);
  Asked float_written(*source_, real, 12.53125), coil_written(*source_, coil, 1);
  EXPECT_EQ(float_written.outcome(), Outcome::written) << float_written.why();
  EXPECT_EQ(coil_written.outcome(), Outcome::written) << coil_written.why();
  EXPECT_EQ(coil_written.before(), 0);
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(one, 40) && sink_.is(real, 12.53125) && sink_.is(coil, 1); }));
  std::vector<int> functions;
  for (const auto& request : devices.requests())
    if (request.function > 4) functions.push_back(request.function);
  EXPECT_EQ(functions, (std::vector{kWriteRegister, kWriteRegisters, kWriteCoil})) << "each once";
}

TEST_F(ModbusWritesTest, ADeviceThatTakesItOtherwiseIsFoundOut) {
  ModbusDevices devices;
  const auto tag = add(7);
  devices.lose_writes();
  start(devices.port());
  Asked written(*source_, tag, 40);
  EXPECT_EQ(written.outcome(), Outcome::differs);
  EXPECT_EQ(written.after(), 7);
  EXPECT_THAT(written.why(), HasSubstr("unit 1 address 7: it reads back otherwise"));
  EXPECT_EQ(writes(devices), 1);
}

TEST_F(ModbusWritesTest, ARefusalIsTold) {
  ModbusDevices devices;
  const auto tag = add(7);
  devices.refuse_writes();
  start(devices.port());
  Asked written(*source_, tag, 40);
  EXPECT_EQ(written.outcome(), Outcome::refused);
  EXPECT_EQ(written.after(), 7);
  EXPECT_THAT(written.why(), HasSubstr("exception"));
  EXPECT_EQ(writes(devices), 1);
}

TEST_F(ModbusWritesTest, WaitsForTheDeviceWithinItsTime_AndSendsNothingLater) {
  const int port = free_port();
  settings_.timeout = 200ms;
  const auto tag = add(7);
  start(port);
  Asked late(*source_, tag, 40, 300ms), patient(*source_, tag, 41, 60s);
  EXPECT_EQ(late.outcome(), Outcome::not_sent);
  EXPECT_THAT(late.why(), HasSubstr("could not be reached in time"));
  ModbusDevices devices({}, port);
  EXPECT_EQ(patient.outcome(), Outcome::written) << patient.why();
  EXPECT_EQ(writes(devices), 1);
}

TEST_F(ModbusWritesTest, AWriteWithoutAnAnswerIsNotSentAgain) {
  ModbusDevices devices;
  settings_.timeout = 200ms;
  const auto tag = add(7);
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(tag, 7); }));
  devices.swallow_writes();  // taken, but never answered
  Asked written(*source_, tag, 40);
  EXPECT_EQ(written.outcome(), Outcome::written) << "reading tells that it has arrived: " << written.why();
  EXPECT_EQ(writes(devices), 1);
}

TEST_F(ModbusWritesTest, WhatIsNotWantedAnyMoreIsNotSent) {
  ModbusDevices devices;
  const auto tag = add(7);
  start(devices.port());
  Asked written(*source_, tag, 40, 10s, fail(ErrorCode::cancelled, "an interlock"));
  EXPECT_EQ(written.outcome(), Outcome::not_sent);
  EXPECT_EQ(written.why(), "an interlock");
  EXPECT_EQ(writes(devices), 0);
}

TEST_F(ModbusWritesTest, ASilentUnitHoldsUpNobodyElse_AndItsWritesGetTheirAnswer) {
  ModbusDevices devices;
  settings_.timeout = 200ms;
  const auto there = add(7), gone = add(8, Type::uint16, Area::holding, 2);
  devices.silence(2);
  start(devices.port());
  Asked not_there(*source_, gone, 1, 2s), other(*source_, there, 40);
  EXPECT_EQ(other.outcome(), Outcome::written) << other.why();
  EXPECT_EQ(not_there.outcome(), Outcome::not_sent);
  EXPECT_EQ(writes(devices), 1);
}

TEST_F(ModbusWritesTest, WhatWaitsAtTheEndIsAnswered) {
  const auto tag = add(7);
  start(free_port());
  Asked waiting(*source_, tag, 40, 60s);
  source_.reset();
  EXPECT_EQ(waiting.outcome(), Outcome::not_sent);
  EXPECT_EQ(waiting.why(), "the gateway stops");
}

TEST_F(ModbusWritesTest, TooManyAreRefusedAtOnce) {
  const auto tag = add(7);
  start(free_port());
  std::vector<std::unique_ptr<Asked>> many;
  for (std::size_t i = 0; i < WriteQueue::kWaitingMax + 1; ++i)
    many.push_back(std::make_unique<Asked>(*source_, tag, 1, 60s));
  EXPECT_EQ(many.back()->outcome(), Outcome::not_sent);
  EXPECT_THAT(many.back()->why(), HasSubstr("too many writes"));
}

TEST(EncodeRegisters, IsWhatDecodingGivesBack) {
  for (int type = 0; type < 8; ++type)
    for (const bool swap_words : {false, true})
      for (const bool swap_bytes : {false, true})
        for (const double value : {0.0, 1.0, 258.0, 65'000.0, -2.0, -30'000.0, 4e9, 0.15625, -1e12}) {
          config::TagSettings tag;
          tag.modbus = {.type = static_cast<Type>(type), .swap_words = swap_words, .swap_bytes = swap_bytes};
          const auto raw = config::raw_of(tag, config::TagSourceSettings::Kind::modbus, value);
          if (!raw) continue;
          EXPECT_EQ(decode_registers(encode_registers(*raw, tag.modbus), tag.modbus), *raw) << type << " " << value;
        }
}

}  // namespace
}  // namespace lineside::gateway
