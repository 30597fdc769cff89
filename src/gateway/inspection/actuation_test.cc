#include "gateway/inspection/actuation.h"

#include <gtest/gtest.h>

#include "gateway/inspection/test_fakes.h"

namespace lineside::gateway {
namespace {

using testing::ActuatorScript;
using testing::eventually;

class ActuationTest : public ::testing::Test {
 protected:
  ActuationTest() {
    settings_.name = "s1";
    settings_.actuator.timeout = std::chrono::milliseconds{20};
  }
  void start() {
    desk_ = std::make_unique<VerdictDesk>(settings_, 1, true, items_, system_clock(), metrics_);
    actuation_ = std::make_unique<Actuation>(settings_, std::make_unique<testing::FakeActuator>(script_), *desk_,
                                             events_, metrics_);
    actuation_->start();
  }
  double unconfirmed() {
    return metrics_.gauge("lineside_actuator_safe_state_unconfirmed", "", {{"station", "s1"}}).value();
  }
  int safes() { return script_.count(&ActuatorScript::safes); }

  config::StationSettings settings_;
  ActuatorScript script_;
  testing::FakeItemLog items_;
  testing::FakeRecords records_;
  MetricsRegistry metrics_;
  EventLog events_{"s1", records_, system_clock(), metrics_};
  std::unique_ptr<VerdictDesk> desk_;
  std::unique_ptr<Actuation> actuation_;
};

TEST_F(ActuationTest, AsksForTheSafeState_UntilItIsConfirmed) {
  script_.reachable = false;
  start();
  ASSERT_TRUE(eventually([&] { return safes() >= 3; })) << "asked once and then no more";
  EXPECT_EQ(unconfirmed(), 1);
  EXPECT_EQ(records_.events("actuator.unsafe"), 1) << "said once, not each time";
  EXPECT_NE(actuation_->message().find("has not confirmed its safe state"), std::string::npos);
  {
    std::lock_guard lock(script_.mutex);
    script_.takes_safe_state = true;
  }
  EXPECT_TRUE(eventually([&] { return unconfirmed() == 0; }));
  EXPECT_TRUE(eventually([&] { return records_.events("actuator.safe") == 1; }));
  EXPECT_FALSE(actuation_->up());
}

TEST_F(ActuationTest, AsksAtABoundedRate) {
  script_.reachable = false;
  start();
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  EXPECT_LE(safes(), 4);  // at 0, 0.2, 0.6 s
}

TEST_F(ActuationTest, SaysSoWhenItStops_AndTheSafeStateIsNotConfirmed) {
  start();
  ASSERT_TRUE(eventually([&] { return actuation_->up(); }));
  script_.set_reachable(false);
  actuation_->stop(system_clock().mono());
  EXPECT_EQ(safes(), 2);
  EXPECT_EQ(records_.events("actuator.unsafe"), 1);
}

}  // namespace
}  // namespace lineside::gateway
