#include "plant/modbus_server.h"

#include <gtest/gtest.h>
#include <modbus.h>

#include <mutex>
#include <thread>

#include "base/test_port.h"

namespace lineside::plant {
namespace {

using namespace std::chrono_literals;

// A client as a gateway's actuator is one: libmodbus with short time limits.
class Client {
 public:
  explicit Client(int port) : context_(modbus_new_tcp("127.0.0.1", port)) {
    modbus_set_response_timeout(context_, 0, 300'000);
    connected_ = modbus_connect(context_) == 0;
  }
  ~Client() {
    modbus_close(context_);
    modbus_free(context_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  bool connected() const { return connected_; }
  bool coil(int address, bool on) { return modbus_write_bit(context_, address, on) == 1; }
  bool item(std::uint32_t number) {
    const std::uint16_t words[]{static_cast<std::uint16_t>(number >> 16), static_cast<std::uint16_t>(number)};
    return modbus_write_registers(context_, 0, 2, words) == 2;
  }
  int read_coil(int address) {
    std::uint8_t bit = 0;
    return modbus_read_bits(context_, address, 1, &bit) == 1 ? bit : -1;
  }
  int socket() { return modbus_get_socket(context_); }

 private:
  modbus_t* context_;
  bool connected_ = false;
};

class PlantModbusServer : public testing::Test {
 protected:
  void SetUp() override {
    const ModbusHandlers handlers{.pulse =
                                      [this](MonoTime at, std::uint32_t item) {
                                        std::lock_guard lock(mutex_);
                                        pulses_.emplace_back(at, item);
                                      },
                                  .safe =
                                      [this](bool on) {
                                        std::lock_guard lock(mutex_);
                                        safe_.push_back(on);
                                      }};
    auto started = ModbusServer::start("127.0.0.1", port_, handlers, system_clock());
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  // The client has its answer a moment before the handler is called.
  std::vector<std::uint32_t> items(std::size_t count) {
    const auto until = std::chrono::steady_clock::now() + 2s;
    for (;;) {
      {
        std::lock_guard lock(mutex_);
        if (pulses_.size() >= count || std::chrono::steady_clock::now() > until) {
          std::vector<std::uint32_t> all;
          for (const auto& [at, item] : pulses_) all.push_back(item);
          return all;
        }
      }
      std::this_thread::sleep_for(1ms);
    }
  }

  const int port_ = free_port();
  std::mutex mutex_;
  std::vector<std::pair<MonoTime, std::uint32_t>> pulses_;
  std::vector<bool> safe_;
  std::unique_ptr<ModbusServer> server_;
};

TEST_F(PlantModbusServer, TakesARisingEdgeForAPulse_WithTheItemOfItsRegisters) {
  Client client(port_);
  const MonoTime before = system_clock().mono();
  EXPECT_TRUE(client.item(0x12345) && client.coil(0, true));
  EXPECT_TRUE(client.coil(0, true)) << "written again while it is on: the same pulse";
  EXPECT_EQ(client.read_coil(0), 1);
  EXPECT_TRUE(client.coil(0, false) && client.item(7) && client.coil(0, true));
  EXPECT_EQ(items(2), (std::vector<std::uint32_t>{0x12345, 7}));
  EXPECT_GE(pulses_[0].first, before);
  EXPECT_LE(pulses_[1].first, system_clock().mono());
}

TEST_F(PlantModbusServer, TellsTheSafeStateOnlyWhenItChanges) {
  Client client(port_);
  for (const bool on : {true, true, false, false, true}) EXPECT_TRUE(client.coil(1, on));
  EXPECT_TRUE(client.coil(0, true));
  EXPECT_EQ(items(1).size(), 1U) << "the pulse comes behind them";
  std::lock_guard lock(mutex_);
  EXPECT_EQ(safe_, (std::vector<bool>{true, false, true}));
}

TEST_F(PlantModbusServer, AnswersAnAddressThatIsNotThereWithAnException) {
  Client client(port_);
  EXPECT_FALSE(client.coil(99, true));
  EXPECT_TRUE(client.coil(0, true)) << "the connection goes on";
}

TEST_F(PlantModbusServer, ServesManyClients_AndDropsOneThatSendsHalfAMessage) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<Client>(port_));
  ASSERT_EQ(::send(clients[0]->socket(), "\0\1\0", 3, MSG_NOSIGNAL), 3);
  for (std::size_t i = 1; i < clients.size(); ++i) EXPECT_EQ(clients[i]->read_coil(0), 0) << i;
  char byte = 0;
  timeval wait{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(clients[0]->socket(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  EXPECT_LE(::recv(clients[0]->socket(), &byte, 1, 0), 0) << "it was closed";
}

TEST_F(PlantModbusServer, TakesConnectionsAndAnswersNothing_WhileSilent) {
  Client client(port_);
  EXPECT_TRUE(client.coil(0, false));
  server_->set_mode(ModbusMode::silent);
  std::this_thread::sleep_for(60ms);
  EXPECT_FALSE(client.coil(0, true));
  Client other(port_);
  EXPECT_TRUE(other.connected());
  EXPECT_FALSE(other.coil(0, true));
  server_->set_mode(ModbusMode::serving);
  Client again(port_);
  EXPECT_TRUE(again.coil(0, true));
  EXPECT_EQ(items(1).size(), 1U) << "what was said to a silent device has no effect";
}

TEST_F(PlantModbusServer, RefusesEverybody_WhileGone_AndComesBack) {
  Client client(port_);
  EXPECT_TRUE(client.coil(0, false));
  server_->set_mode(ModbusMode::gone);
  std::this_thread::sleep_for(60ms);
  EXPECT_FALSE(client.coil(0, true));
  EXPECT_FALSE(Client(port_).connected());
  server_->set_mode(ModbusMode::serving);
  const auto until = std::chrono::steady_clock::now() + 2s;
  bool back = false;
  while (!back && std::chrono::steady_clock::now() < until) back = Client(port_).coil(0, false);
  EXPECT_TRUE(back);
}

TEST_F(PlantModbusServer, SaysThatItsPortIsTaken) {
  const auto second = ModbusServer::start("127.0.0.1", port_, {}, system_clock());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::address_in_use);
  EXPECT_NE(second.error().message.find(std::to_string(port_)), std::string::npos) << second.error().message;
}

}  // namespace
}  // namespace lineside::plant
