// No actuator waits for a name server beyond its deadline, whatever its kind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_hanging_names.h"
#include "gateway/act/make_actuator.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using config::ActuatorSettings;
using ::testing::HasSubstr;

class HangingNameServer : public ::testing::TestWithParam<ActuatorSettings::Kind> {};

TEST_P(HangingNameServer, HoldsNobodyUp_BeyondTheDeadline) {
  const testing::NamesHang hang;
  ActuatorSettings settings;
  settings.kind = GetParam();
  settings.at.host = "plc.hangs.test";
  settings.topic = "t";
  settings.timeout = 100ms;
  Clock& clock = system_clock();
  const MonoTime began = clock.mono();
  {
    const auto actuator = make_actuator(settings, clock).value();
    const auto opened = actuator->open(clock.mono() + settings.timeout);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::actuator_unreachable);
    EXPECT_THAT(opened.error().message, HasSubstr("name server has not answered"));
    EXPECT_FALSE(actuator->fire({1, clock.mono(), clock.mono() + 50ms}));
    EXPECT_FALSE(actuator->probe(clock.mono() + settings.timeout));
  }
  EXPECT_LT(clock.mono() - began, 2s) << "opening, firing or the destructor waited for the name server";
}

INSTANTIATE_TEST_SUITE_P(Kinds, HangingNameServer,
                         ::testing::Values(ActuatorSettings::Kind::modbus, ActuatorSettings::Kind::mqtt),
                         [](const auto& kind) {
                           return kind.param == ActuatorSettings::Kind::modbus ? "Modbus" : "Mqtt";
                         });

}  // namespace
}  // namespace lineside::gateway
