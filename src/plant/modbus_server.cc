#include "plant/modbus_server.h"

#include <modbus.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/log.h"
#include "base/owned.h"

namespace lineside::plant {

namespace {

constexpr int kCoils = 16, kPollMs = 20;
constexpr std::size_t kClientsMax = 16;
constexpr int kCoilPulse = 0, kCoilSafe = 1;

}  // namespace

struct ModbusServer::State {
  std::string address;
  int port = 0;
  ModbusHandlers handlers;
  Clock* clock = nullptr;
  Owned<modbus_t, modbus_free> context;
  std::mutex mutex;  // of registers
  Owned<modbus_mapping_t, modbus_mapping_free> registers;
  int listener = -1;
  std::vector<int> clients;
  std::atomic<ModbusMode> mode{ModbusMode::serving};
  std::jthread thread;

  Result<void> listen() {
    listener = modbus_tcp_listen(context.get(), static_cast<int>(kClientsMax));
    if (listener >= 0) return {};
    return fail(ErrorCode::address_in_use,
                std::format("the Modbus server can't listen on {}:{}: {}", address, port, modbus_strerror(errno)));
  }

  void close_all() {
    for (const int client : clients) ::close(client);
    clients.clear();
    if (listener >= 0) ::close(listener);
    listener = -1;
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (mode.load() == ModbusMode::gone) {
        close_all();
        std::this_thread::sleep_for(std::chrono::milliseconds{kPollMs});
        continue;
      }
      if (listener < 0 && !listen()) {
        std::this_thread::sleep_for(std::chrono::milliseconds{kPollMs});
        continue;
      }
      serve_once();
    }
    close_all();
  }

  void serve_once() {
    std::vector<pollfd> sockets{{.fd = listener, .events = POLLIN, .revents = 0}};
    for (const int client : clients) sockets.push_back({.fd = client, .events = POLLIN, .revents = 0});
    if (::poll(sockets.data(), sockets.size(), kPollMs) <= 0) return;
    for (std::size_t i = 1; i < sockets.size(); ++i) {
      if (sockets[i].revents == 0 || answer(sockets[i].fd)) continue;
      ::close(sockets[i].fd);
      std::erase(clients, sockets[i].fd);
    }
    if ((sockets[0].revents & POLLIN) == 0) return;
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    if (clients.size() == kClientsMax) {
      ::close(client);
      return;
    }
    clients.push_back(client);
  }

  // False: this client is finished.
  bool answer(int client) {
    std::uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    if (mode.load() == ModbusMode::silent) return ::recv(client, query, sizeof query, MSG_DONTWAIT) > 0;
    modbus_set_socket(context.get(), client);
    const int length = modbus_receive(context.get(), query);
    const MonoTime at = clock->mono();
    if (length < 0) return false;
    if (length == 0) return true;
    const std::lock_guard lock(mutex);
    const bool pulse_before = registers->tab_bits[kCoilPulse] != 0, safe_before = registers->tab_bits[kCoilSafe] != 0;
    const bool sent = modbus_reply(context.get(), query, length, registers.get()) >= 0;
    const bool pulse = registers->tab_bits[kCoilPulse] != 0, safe = registers->tab_bits[kCoilSafe] != 0;
    if (pulse && !pulse_before && handlers.pulse) {
      const auto item = static_cast<std::uint32_t>(registers->tab_registers[0]) << 16 | registers->tab_registers[1];
      handlers.pulse(at, item);
    }
    if (safe != safe_before && handlers.safe) handlers.safe(safe);
    return sent;
  }
};

ModbusServer::ModbusServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

ModbusServer::~ModbusServer() {
  state_->thread.request_stop();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<std::unique_ptr<ModbusServer>> ModbusServer::start(const std::string& address, int port, ModbusHandlers handlers,
                                                          Clock& clock, int registers) {
  auto state = std::make_unique<State>();
  state->address = address;
  state->port = port;
  state->handlers = std::move(handlers);
  state->clock = &clock;
  state->context.reset(modbus_new_tcp(address.c_str(), port));
  state->registers.reset(modbus_mapping_new(kCoils, 0, registers, 0));
  if (!state->context || !state->registers)
    return fail(ErrorCode::address_in_use,
                std::format("'{}:{}' is no address for the Modbus server: {}", address, port, modbus_strerror(errno)));
  modbus_set_indication_timeout(state->context.get(), 0, 20'000);
  modbus_set_byte_timeout(state->context.get(), 0, 20'000);
  LINESIDE_TRY(state->listen());
  State* s = state.get();
  state->thread = std::jthread([s](const std::stop_token& stop) { s->run(stop); });
  return std::unique_ptr<ModbusServer>(new ModbusServer(std::move(state)));
}

void ModbusServer::set_mode(ModbusMode mode) { state_->mode.store(mode); }

void ModbusServer::write(int address, std::span<const std::uint16_t> words) {
  const std::lock_guard lock(state_->mutex);
  const modbus_mapping_t& map = *state_->registers;
  const auto room = static_cast<std::size_t>(std::max(0, map.nb_registers - address));
  std::ranges::copy(words.first(std::min(words.size(), room)), map.tab_registers + address);
}

}  // namespace lineside::plant
