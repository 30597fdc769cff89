#include "gateway/act/gpio_actuator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Wire {
  std::atomic<bool> on{false}, broken{false}, stuck{false}, claimed{false};
  std::atomic<int> rises{0};
};

// What the kernel would do; the real line needs a GPIO chip.
class FakeLine final : public OutputLine {
 public:
  explicit FakeLine(Wire& wire) : wire_(wire) {}
  ~FakeLine() override { wire_.on = false; }
  Result<void> open() override {
    if (wire_.broken) return fail(ErrorCode::actuator_unreachable, "no such chip");
    wire_.claimed = true;
    wire_.on = false;
    return {};
  }
  Result<void> set(bool on) override {
    if (wire_.broken) return fail(ErrorCode::actuator_unreachable, "the chip is gone");
    if (wire_.stuck) return {};
    if (on && !wire_.on) ++wire_.rises;
    wire_.on = on;
    return {};
  }
  Result<bool> get() override {
    if (wire_.broken) return fail(ErrorCode::actuator_unreachable, "the chip is gone");
    return wire_.on.load();
  }

 private:
  Wire& wire_;
};

class GpioActuatorTest : public testing::Test {
 protected:
  GpioActuatorTest() {
    settings_.kind = config::ActuatorSettings::Kind::gpio;
    settings_.chip = "gpiochip0";
    settings_.pulse = 15ms;
  }
  GpioActuator make() { return GpioActuator(settings_, system_clock(), std::make_unique<FakeLine>(wire_)); }
  static MonoTime soon() { return system_clock().mono() + 1s; }
  static ActuationCommand hit() { return {1, system_clock().mono(), soon()}; }
  bool wait_off() const {
    for (int i = 0; i < 2000 && wire_.on; ++i) std::this_thread::sleep_for(1ms);
    return !wire_.on;
  }

  config::ActuatorSettings settings_;
  Wire wire_;
};

TEST_F(GpioActuatorTest, MakesAPulse_AndDoesNotWaitForItsEnd) {
  settings_.pulse = 200ms;
  auto actuator = make();
  ASSERT_TRUE(actuator.open(soon()));
  const auto before = system_clock().mono();
  ASSERT_TRUE(actuator.fire(hit()));
  EXPECT_LT(system_clock().mono() - before, 100ms);
  EXPECT_TRUE(wire_.on);
  EXPECT_TRUE(wait_off());
  EXPECT_GE(system_clock().mono() - before, 195ms);
}

TEST_F(GpioActuatorTest, ProlongsThePulse_WhenTheNextItemComesBeforeItsEnd) {
  settings_.pulse = 150ms;
  auto actuator = make();
  ASSERT_TRUE(actuator.open(soon()));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(actuator.fire(hit()));
    std::this_thread::sleep_for(30ms);
  }
  EXPECT_EQ(wire_.rises, 1);
  EXPECT_TRUE(wait_off());
}

TEST_F(GpioActuatorTest, SaysThatTheOutputReadsBackOff) {
  auto actuator = make();
  ASSERT_TRUE(actuator.open(soon()));
  wire_.stuck = true;
  const auto fired = actuator.fire(hit());
  ASSERT_FALSE(fired);
  EXPECT_EQ(fired.error().code, ErrorCode::actuator_unreachable);
  EXPECT_THAT(fired.error().message, HasSubstr("reads back off"));
}

TEST_F(GpioActuatorTest, TriesAgainUntilTheOutputIsOff_AndSaysSoMeanwhile) {
  auto actuator = make();
  ASSERT_TRUE(actuator.open(soon()));
  ASSERT_TRUE(actuator.fire(hit()));
  wire_.broken = true;
  std::this_thread::sleep_for(100ms);
  wire_.broken = false;
  EXPECT_TRUE(wait_off());
}

TEST_F(GpioActuatorTest, GoesIntoItsSafeState) {
  using SafeState = config::ActuatorSettings::SafeState;
  for (const auto& [state, on] : {std::pair{SafeState::reject_all, true}, {SafeState::pass_all, false}}) {
    settings_.safe_state = state;
    auto actuator = make();
    ASSERT_TRUE(actuator.open(soon()));
    ASSERT_TRUE(actuator.fire(hit()));
    ASSERT_TRUE(actuator.go_safe(soon()));
    std::this_thread::sleep_for(40ms);
    EXPECT_EQ(wire_.on, on);
    ASSERT_TRUE(actuator.open(soon()));
    EXPECT_FALSE(wire_.on);
  }
}

TEST_F(GpioActuatorTest, EndsItsPulse_WhenClaimingItAgainOrTheSafeStateFailed) {
  settings_.safe_state = config::ActuatorSettings::SafeState::pass_all;
  for (const bool safe : {false, true}) {
    auto actuator = make();
    ASSERT_TRUE(actuator.open(soon()));
    ASSERT_TRUE(actuator.fire(hit()));
    wire_.broken = true;
    EXPECT_FALSE(safe ? actuator.go_safe(soon()) : actuator.open(soon()));
    wire_.broken = false;
    EXPECT_TRUE(wait_off()) << "nobody ends the pulse any more";
  }
}

TEST_F(GpioActuatorTest, SaysThatTheSafeStateReadsBackOtherwise) {
  settings_.safe_state = config::ActuatorSettings::SafeState::reject_all;
  auto actuator = make();
  ASSERT_TRUE(actuator.open(soon()));
  wire_.stuck = true;
  const auto safe = actuator.go_safe(soon());
  ASSERT_FALSE(safe);
  EXPECT_THAT(safe.error().message, HasSubstr("switched on for the safe state but reads back off"));
}

TEST_F(GpioActuatorTest, DoesNotHitTheNextItem_WhenItsOwnHasGone) {
  auto actuator = make();
  ASSERT_TRUE(actuator.open(soon()));
  const auto now = system_clock().mono();
  const auto fired = actuator.fire({1, now - 20ms, now - 10ms});
  ASSERT_FALSE(fired);
  EXPECT_EQ(fired.error().code, ErrorCode::timeout);
  EXPECT_EQ(wire_.rises, 0);
}

TEST_F(GpioActuatorTest, LeavesTheOutputOff_WhenDestroyed) {
  settings_.pulse = 10s;
  {
    auto actuator = make();
    ASSERT_TRUE(actuator.open(soon()));
    ASSERT_TRUE(actuator.fire(hit()));
  }
  EXPECT_FALSE(wire_.on);
}

}  // namespace
}  // namespace lineside::gateway
