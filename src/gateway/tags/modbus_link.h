#pragma once
// One Modbus line: a TCP connection to a device or gateway, or a serial line (Modbus over Serial Line V1.02, RTU).
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/host_names.h"
#include "base/owned.h"
#include "config/tag_settings.h"
#include "gateway/tags/modbus_plan.h"

typedef struct _modbus modbus_t;

namespace lineside::gateway {

// What came of a request.
struct ModbusAnswer {
  enum class Kind : std::uint8_t {
    values,
    refused,  // the device does not have these registers, or not all of them
    silent,   // no answer in time, or none that makes sense; on TCP the line is closed, for an answer may still come
    broken,   // the line itself; it is closed
  } kind = Kind::values;
  std::string why;        // of all but values
  bool nonsense = false;  // silent: something came
};

// Owner thread only, but for interrupt(). Each call ends within the settings' timeout and what the bytes themselves
// take on a serial line.
class ModbusLink {
 public:
  ModbusLink(const config::TagSourceSettings& settings, Clock& clock);
  ~ModbusLink();

  // Does nothing when it is open. The answer is `values` or `broken`.
  ModbusAnswer open();
  bool is_open() const { return open_; }
  void close();
  // Ends a call that waits for a TCP device, from any thread. A serial line's ends by itself.
  void interrupt();
  // Functions 5 and 6, or 16 where there are several registers; of `at`, area and address count. Once: what comes of a
  // write whose answer is not `values` or `refused` is not known.
  ModbusAnswer write(const ModbusBlock& at, std::span<const std::uint16_t> words, const std::stop_token& stop);
  // `words` gets block.count registers, or 0 and 1 of as many bits.
  ModbusAnswer read(const ModbusBlock& block, std::vector<std::uint16_t>& words, const std::stop_token& stop);
  const std::string& name() const { return name_; }  // for messages

 private:
  static void free(modbus_t* context);
  bool serial() const { return !settings_.device.empty(); }
  ModbusAnswer open_tcp();
  ModbusAnswer open_serial();
  ModbusAnswer connect(std::chrono::nanoseconds time_max);
  ModbusAnswer broken(const std::string& why) const;
  void limit_time(std::chrono::nanoseconds time_max);
  std::chrono::nanoseconds bytes_take(int bytes) const;
  void keep_pause(const std::stop_token& stop);
  int exchange(const ModbusBlock& block, std::vector<std::uint16_t>& words);
  int send(const ModbusBlock& at, std::span<const std::uint16_t> words);
  // `exchange` gives how many registers or bits were dealt with; -1 and errno.
  ModbusAnswer ask(int count, int data_bytes, const std::stop_token& stop, const std::function<int()>& exchange);
  ModbusAnswer failure(int why);

  const config::TagSourceSettings settings_;
  const std::string name_;
  Clock& clock_;
  std::optional<HostNames> host_;  // TCP
  std::mutex mutex_;               // of socket_, which interrupt() touches
  int socket_ = -1;
  Owned<modbus_t, free> context_;
  bool open_ = false;
  std::size_t next_address_ = 0;
  MonoTime last_{};  // end of the last exchange
  std::vector<std::uint8_t> bits_;
};

}  // namespace lineside::gateway
