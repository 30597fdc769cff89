#pragma once
// A Modbus TCP server (Modbus Application Protocol V1.1b3, Messaging on TCP/IP V1.0b), on libmodbus. A rejector's:
// Coil 0: reject pulse at its rising edge. Coil 1: safe state, everything is rejected while it is on.
// Holding registers 0 and 1: item number, high word first, written before the pulse (optional).
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::plant {

struct ModbusHandlers {
  std::function<void(MonoTime at, std::uint32_t item)> pulse;  // called on the server's thread
  std::function<void(bool on)> safe;
};

// How the device behaves: `silent` takes connections and never answers, `gone` closes them and takes none.
enum class ModbusMode : std::uint8_t { serving, silent, gone };

// One thread of its own serves up to 16 clients; a client that sends half a message is dropped. Stops when destroyed.
class ModbusServer {
 public:
  // `registers`: holding registers that it has. Errors: address_in_use.
  static Result<std::unique_ptr<ModbusServer>> start(const std::string& address, int port, ModbusHandlers handlers,
                                                     Clock& clock, int registers = 16);
  ~ModbusServer();
  void set_mode(ModbusMode mode);  // thread-safe; takes effect within 50 ms
  // Into holding registers from `address` on, as far as there are such. Thread-safe; no answer has a part of them.
  void write(int address, std::span<const std::uint16_t> words);

 private:
  struct State;
  explicit ModbusServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::plant
