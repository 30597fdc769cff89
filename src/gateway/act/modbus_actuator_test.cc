#include "gateway/act/modbus_actuator.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <modbus.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "gateway/act/make_actuator.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A real Modbus TCP server by libmodbus on a free loopback port, one client at a time, with faults on demand.
class ModbusServer {
 public:
  enum class Fault { none, hang, exception, stuck_coil };

  explicit ModbusServer(int port = 0)
      : context_(modbus_new_tcp("127.0.0.1", port)), map_(modbus_mapping_new(8, 8, 8, 8)) {
    listener_ = modbus_tcp_listen(context_, 4);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ModbusServer() {
    closing_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    modbus_mapping_free(map_);
    modbus_free(context_);
  }
  int port() const { return port_; }
  bool coil(int address) const { return coils_[static_cast<std::size_t>(address)]; }
  std::uint32_t item() const { return item_; }
  int pulses() const { return pulses_; }  // times coil 0 went from off to on
  bool wait_coil(int address, bool on, std::chrono::milliseconds wait_max = 2s) const {
    const auto end = std::chrono::steady_clock::now() + wait_max;
    while (coil(address) != on && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    return coil(address) == on;
  }
  std::atomic<Fault> fault{Fault::none};

 private:
  void serve() {
    while (!closing_) {
      if (modbus_tcp_accept(context_, &listener_) < 0) return;
      const int client = modbus_get_socket(context_);
      modbus_set_indication_timeout(context_, 0, 50'000);
      while (!closing_) {
        std::array<std::uint8_t, MODBUS_TCP_MAX_ADU_LENGTH> query{};
        const int length = modbus_receive(context_, query.data());
        if (length < 0 && errno == ETIMEDOUT) continue;
        if (length < 0) break;
        if (length > 0) answer(query.data(), length);
      }
      ::close(client);
    }
  }
  void answer(const std::uint8_t* query, int length) {
    if (fault == Fault::hang) return;
    if (fault == Fault::exception) {
      modbus_reply_exception(context_, query, MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE);
      return;
    }
    const bool was_on = map_->tab_bits[0] != 0;
    if (fault == Fault::stuck_coil && query[7] == 0x01) map_->tab_bits[0] = 0;
    modbus_reply(context_, query, length, map_);
    if (!was_on && map_->tab_bits[0]) ++pulses_;
    for (std::size_t i = 0; i < coils_.size(); ++i) coils_[i] = map_->tab_bits[i] != 0;
    item_ = (static_cast<std::uint32_t>(map_->tab_registers[0]) << 16) | map_->tab_registers[1];
  }

  modbus_t* context_;
  modbus_mapping_t* map_;
  int listener_ = -1, port_ = 0;
  std::array<std::atomic<bool>, 8> coils_{};
  std::atomic<std::uint32_t> item_{0};
  std::atomic<int> pulses_{0};
  std::atomic<bool> closing_{false};
  std::thread thread_;
};

config::ActuatorSettings settings_for(int port) {
  config::ActuatorSettings settings;
  settings.kind = config::ActuatorSettings::Kind::modbus;
  settings.at.port = port;
  settings.item_register = 0;
  settings.safe_coil = 1;
  settings.pulse = 20ms;
  settings.timeout = 300ms;
  settings.safe_state = config::ActuatorSettings::SafeState::reject_all;
  return settings;
}

MonoTime in(nanoseconds time) { return system_clock().mono() + time; }
ActuationCommand hit(std::uint64_t item, nanoseconds give_up = 500ms) {
  return {item, system_clock().mono(), system_clock().mono() + give_up};
}

TEST(ModbusActuator, SwitchesTheCoilOnForOnePulse_WithTheItemNumber) {
  ModbusServer server;
  ModbusActuator actuator(settings_for(server.port()), system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  const auto fired = actuator.fire(hit(0x1'0002));
  ASSERT_TRUE(fired) << fired.error().message;
  EXPECT_EQ(server.item(), 0x1'0002U);
  EXPECT_TRUE(server.wait_coil(0, false));
  EXPECT_EQ(server.pulses(), 1);
}

TEST(ModbusActuator, NeverMakesTheNextFireWaitForThePulse) {
  ModbusServer server;
  auto settings = settings_for(server.port());
  settings.pulse = 400ms;
  ModbusActuator actuator(settings, system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  const auto before = system_clock().mono();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(actuator.fire(hit(1)));
  EXPECT_LT(system_clock().mono() - before, 400ms);
  EXPECT_TRUE(server.coil(0));
  EXPECT_EQ(server.pulses(), 1);  // prolonged, not chopped
}

TEST(ModbusActuator, GivesEachItemItsFullPulse_WhenOneEndsAsTheNextBegins) {
  ModbusServer server;
  auto settings = settings_for(server.port());
  settings.pulse = 10ms;
  ModbusActuator actuator(settings, system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(actuator.fire(hit(1)));
    EXPECT_TRUE(server.coil(0));
    std::this_thread::sleep_for(std::chrono::microseconds{9800 + 20 * i});
  }
  EXPECT_TRUE(server.wait_coil(0, false));
}

TEST(ModbusActuator, SaysThatNothingIsThere) {
  int port = 0;
  {
    ModbusServer server;
    port = server.port();
  }
  ModbusActuator actuator(settings_for(port), system_clock());
  const auto opened = actuator.open(in(300ms));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::actuator_unreachable);
  EXPECT_THAT(opened.error().message, HasSubstr("Connection refused"));
}

TEST(ModbusActuator, GivesUpInTime_WhenTheServerHangs) {
  ModbusServer server;
  auto settings = settings_for(server.port());
  settings.timeout = 60ms;
  ModbusActuator actuator(settings, system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  server.fault = ModbusServer::Fault::hang;
  const auto before = system_clock().mono();
  const auto fired = actuator.fire(hit(1));
  EXPECT_LT(system_clock().mono() - before, 300ms);
  ASSERT_FALSE(fired);
  EXPECT_EQ(fired.error().code, ErrorCode::actuator_unreachable);
}

TEST(ModbusActuator, SaysWhichExceptionTheServerAnswersWith) {
  ModbusServer server;
  ModbusActuator actuator(settings_for(server.port()), system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  server.fault = ModbusServer::Fault::exception;
  const auto fired = actuator.fire(hit(1));
  ASSERT_FALSE(fired);
  EXPECT_EQ(fired.error().code, ErrorCode::actuator_unreachable);
  EXPECT_THAT(fired.error().message, HasSubstr("exception Slave device or server failure"));
  server.fault = ModbusServer::Fault::none;
  EXPECT_TRUE(actuator.fire(hit(2)));
}

TEST(ModbusActuator, SaysThatTheCoilReadsBackOff) {
  ModbusServer server;
  ModbusActuator actuator(settings_for(server.port()), system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  server.fault = ModbusServer::Fault::stuck_coil;
  const auto fired = actuator.fire(hit(1));
  ASSERT_FALSE(fired);
  EXPECT_EQ(fired.error().code, ErrorCode::actuator_unreachable);
  EXPECT_THAT(fired.error().message, HasSubstr("switched on but reads back off"));
}

TEST(ModbusActuator, ConnectsAgainAtTheNextCall_AfterTheServerDied) {
  auto server = std::make_unique<ModbusServer>();
  const int port = server->port();
  ModbusActuator actuator(settings_for(port), system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  server.reset();
  EXPECT_FALSE(actuator.probe(in(300ms)));
  EXPECT_FALSE(actuator.fire(hit(1)));
  server = std::make_unique<ModbusServer>(port);
  const auto fired = actuator.fire(hit(2));
  EXPECT_TRUE(fired) << fired.error().message;
  EXPECT_TRUE(actuator.probe(in(300ms)));
}

TEST(ModbusActuator, DoesNotHitTheNextItem_WhenItsOwnHasGone) {
  ModbusServer server;
  ModbusActuator actuator(settings_for(server.port()), system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  const auto fired = actuator.fire(hit(1, -1ms));
  ASSERT_FALSE(fired);
  EXPECT_EQ(fired.error().code, ErrorCode::timeout);
  EXPECT_EQ(server.pulses(), 0);
}

TEST(ModbusActuator, GoesIntoItsSafeState_AndLeavesItWhenOpenedAgain) {
  ModbusServer server;
  ModbusActuator actuator(settings_for(server.port()), system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  ASSERT_TRUE(actuator.go_safe(in(500ms)));
  EXPECT_TRUE(server.wait_coil(1, true));
  EXPECT_TRUE(server.wait_coil(0, false));
  ASSERT_TRUE(actuator.open(in(500ms)));
  EXPECT_TRUE(server.wait_coil(1, false));
}

TEST(ModbusActuator, SwitchesOff_WhatAGatewayThatDiedLeftOn) {
  ModbusServer server;
  {
    auto settings = settings_for(server.port());
    settings.safe_coil = -1;
    ModbusActuator died(settings, system_clock());
    ASSERT_TRUE(died.go_safe(in(500ms)));  // leaves coil 0 on, as a death in the middle of a pulse does
  }
  ASSERT_TRUE(server.wait_coil(0, true));
  ModbusActuator actuator(settings_for(server.port()), system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  EXPECT_TRUE(server.wait_coil(0, false));
}

TEST(ModbusActuator, EndsThePulseItself_WhenNeitherOpeningNorTheSafeStateGotThrough) {
  ModbusServer server;
  auto settings = settings_for(server.port());
  settings.pulse = 100ms;
  settings.timeout = 50ms;
  ModbusActuator actuator(settings, system_clock());
  ASSERT_TRUE(actuator.open(in(500ms)));
  ASSERT_TRUE(actuator.fire(hit(1)));
  ASSERT_TRUE(server.wait_coil(0, true));
  server.fault = ModbusServer::Fault::hang;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(actuator.go_safe(in(50ms)));
    EXPECT_FALSE(actuator.open(in(50ms)));
  }
  server.fault = ModbusServer::Fault::none;
  EXPECT_TRUE(server.wait_coil(0, false));
}

TEST(ModbusActuator, EndsARunningPulse_WhenDestroyed) {
  ModbusServer server;
  {
    auto settings = settings_for(server.port());
    settings.pulse = 10s;
    ModbusActuator actuator(settings, system_clock());
    ASSERT_TRUE(actuator.open(in(500ms)));
    ASSERT_TRUE(actuator.fire(hit(1)));
    ASSERT_TRUE(server.coil(0));
  }
  EXPECT_TRUE(server.wait_coil(0, false));
}

TEST(MakeActuator, IsNullForAStationThatOnlyWatches_AndNamesWhatIsMissing) {
  config::ActuatorSettings settings;
  EXPECT_EQ(*make_actuator(settings, system_clock()), nullptr);
  settings.kind = config::ActuatorSettings::Kind::mqtt;
  EXPECT_EQ(make_actuator(settings, system_clock()).error().code, ErrorCode::config_invalid);
  settings.kind = config::ActuatorSettings::Kind::gpio;
  EXPECT_EQ(make_actuator(settings, system_clock()).error().code, ErrorCode::config_invalid);
  settings.chip = "gpiochip-none";
  auto gpio = make_actuator(settings, system_clock());
  ASSERT_TRUE(gpio);
  const auto opened = (*gpio)->open(in(100ms));
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("/dev/gpiochip-none"));
}

}  // namespace
}  // namespace lineside::gateway
