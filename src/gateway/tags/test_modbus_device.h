#pragma once
// Tests only: Modbus devices behind one TCP port or serial line, by libmodbus, with the troubles that real ones have.
#include <fcntl.h>
#include <modbus.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/owned.h"
#include "base/test_port.h"

namespace lineside::gateway::testing {

// Registers 0 to 999 of each area, of each unit the same at first: holding register A holds A, input register A 1000 +
// A, coil and discrete input A whether A is odd.
class ModbusDevices {
 public:
  enum class Way : std::uint8_t { tcp, serial };
  // `path`: of the serial line; empty: a TCP port of its own.
  explicit ModbusDevices(const std::string& path = {}, int port = 0)
      : serial_(!path.empty()), port_(port == 0 ? free_port() : port) {
    context_.reset(serial_ ? modbus_new_rtu(path.c_str(), 115'200, 'N', 8, 1) : modbus_new_tcp("127.0.0.1", port_));
    map_.reset(modbus_mapping_new(kCount, kCount, kCount, kCount));
    for (int i = 0; i < kCount; ++i) {
      map_->tab_registers[i] = static_cast<std::uint16_t>(i);
      map_->tab_input_registers[i] = static_cast<std::uint16_t>(1000 + i);
      map_->tab_bits[i] = map_->tab_input_bits[i] = i % 2;
    }
    modbus_set_indication_timeout(context_.get(), 0, 50'000);
    modbus_set_slave(context_.get(), 1);
    listener_ = serial_ ? -1 : modbus_tcp_listen(context_.get(), 4);
    if (serial_) modbus_connect(context_.get());
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~ModbusDevices() {
    thread_.request_stop();
    thread_.join();
    if (serial_) modbus_close(context_.get());
    if (listener_ >= 0) ::close(listener_);
    for (const int client : clients_) ::close(client);
  }
  ModbusDevices(const ModbusDevices&) = delete;
  ModbusDevices& operator=(const ModbusDevices&) = delete;

  int port() const { return port_; }
  void set(int address, std::vector<std::uint16_t> words) {
    const std::lock_guard lock(mutex_);
    for (const std::uint16_t word : words) map_->tab_registers[address++] = word;
  }
  void refuse(int address, bool refused = true) {  // exception 2 for requests that touch it
    const std::lock_guard lock(mutex_);
    refused ? (void)refused_.insert(address) : (void)refused_.erase(address);
  }
  void silence(int unit, bool silent = true) {
    const std::lock_guard lock(mutex_);
    silent ? (void)silent_.insert(unit) : (void)silent_.erase(unit);
  }
  void answer_with(int exception) { exception_ = exception; }  // 0: as it should
  void answer_raw(std::vector<std::uint8_t> bytes) {           // empty: as it should
    const std::lock_guard lock(mutex_);
    raw_ = std::move(bytes);
  }
  void lose_writes() { writes_ = Writes::lost; }          // answered as if they were done
  void swallow_writes() { writes_ = Writes::swallowed; }  // done, but not answered
  void refuse_writes() { writes_ = Writes::refused; }     // exception 4
  void drop_clients() { dropping_ = true; }
  // Requests so far: unit, function, address and count.
  struct Request {
    int unit, function, address, count;
  };
  std::vector<Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static constexpr int kCount = 1000;
  enum class Writes : std::uint8_t { taken, lost, swallowed, refused };
  static bool is_write(int function) {
    return function == MODBUS_FC_WRITE_SINGLE_COIL || function == MODBUS_FC_WRITE_SINGLE_REGISTER ||
           function == MODBUS_FC_WRITE_MULTIPLE_REGISTERS;
  }
  // One that is neither done nor answered as it should be.
  bool answer_write(int client, const std::uint8_t* query, int length, const Request& request) {
    if (writes_ == Writes::refused)
      return modbus_reply_exception(context_.get(), query, MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE) >= 0;
    if (writes_ == Writes::swallowed) {
      map_->tab_registers[request.address] =
          static_cast<std::uint16_t>(request.count);  // of function 6 it is the value
      return true;
    }
    // The answer to functions 5 and 6 is the question.
    return ::send(client, query, static_cast<std::size_t>(length), MSG_NOSIGNAL) > 0;
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (dropping_.exchange(false)) {
        for (const int client : clients_) ::close(client);
        clients_.clear();
      }
      if (serial_)
        answer(-1);
      else
        serve();
    }
  }

  void serve() {
    std::vector<pollfd> sockets{{.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const int client : clients_) sockets.push_back({.fd = client, .events = POLLIN, .revents = 0});
    if (::poll(sockets.data(), sockets.size(), 10) <= 0) return;
    for (std::size_t i = 1; i < sockets.size(); ++i) {
      if (sockets[i].revents == 0 || answer(sockets[i].fd)) continue;
      ::close(sockets[i].fd);
      std::erase(clients_, sockets[i].fd);
    }
    if ((sockets[0].revents & POLLIN) != 0) clients_.push_back(::accept(listener_, nullptr, nullptr));
  }

  bool answer(int client) {
    std::uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    if (!serial_) modbus_set_socket(context_.get(), client);
    const int length = modbus_receive(context_.get(), query);
    if (length <= 0) return length == 0;
    const int header = modbus_get_header_length(context_.get());
    const auto word = [&](int at) { return query[header + at] << 8 | query[header + at + 1]; };
    const Request request{query[header - 1], query[header], word(1), word(3)};
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (silent_.contains(request.unit)) return true;
    if (!raw_.empty()) return ::send(client, raw_.data(), raw_.size(), MSG_NOSIGNAL) > 0;
    const auto refused = refused_.lower_bound(request.address);
    const bool touches =
        !is_write(request.function) && refused != refused_.end() && *refused < request.address + request.count;
    const int exception = exception_ != 0 ? exception_.load() : touches ? MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS : 0;
    if (exception != 0) return modbus_reply_exception(context_.get(), query, static_cast<unsigned>(exception)) >= 0;
    if (writes_ != Writes::taken && is_write(request.function)) return answer_write(client, query, length, request);
    if (serial_) modbus_set_slave(context_.get(), request.unit);
    return modbus_reply(context_.get(), query, length, map_.get()) >= 0;
  }

  const bool serial_;
  const int port_;
  Owned<modbus_t, modbus_free> context_;
  Owned<modbus_mapping_t, modbus_mapping_free> map_;
  int listener_ = -1;
  std::vector<int> clients_;
  std::mutex mutex_;  // of map_ and the rest
  std::set<int> refused_, silent_;
  std::vector<std::uint8_t> raw_;
  std::vector<Request> requests_;
  std::atomic<int> exception_{0};
  std::atomic<Writes> writes_{Writes::taken};
  std::atomic<bool> dropping_{false};
  std::jthread thread_;
};

// Two serial devices that hear each other, by pseudo terminals.
class SerialPair {
 public:
  SerialPair() : masters_{open_master(), open_master()} {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        pollfd ends[2] = {{masters_[0], POLLIN, 0}, {masters_[1], POLLIN, 0}};
        if (::poll(ends, 2, 20) <= 0) continue;
        for (int i = 0; i < 2; ++i) {
          std::uint8_t bytes[512];
          if ((ends[i].revents & POLLIN) == 0) continue;
          const ssize_t count = ::read(masters_[i], bytes, sizeof bytes);
          if (count > 0 && ::write(masters_[1 - i], bytes, static_cast<std::size_t>(count)) < 0) return;
        }
        if (((ends[0].revents | ends[1].revents) & POLLHUP) != 0)
          std::this_thread::sleep_for(std::chrono::milliseconds{5});
      }
    });
  }
  ~SerialPair() {
    thread_.request_stop();
    thread_.join();
    for (const int master : masters_) ::close(master);
  }
  std::string path(int end) const {
    char name[128] = {};
    return ::ptsname_r(masters_[end], name, sizeof name) == 0 ? name : "";
  }

 private:
  static int open_master() {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ::grantpt(master);
    ::unlockpt(master);
    return master;
  }
  const int masters_[2];
  std::jthread thread_;
};

}  // namespace lineside::gateway::testing
