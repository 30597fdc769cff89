#pragma once
// One simulated motor or pump: its vibration, with whatever is wrong with it or with its sensors, over MQTT in blocks
// (docs/waveforms.md) and, if asked to, as arrays of an OPC UA server.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/plant_settings.h"
#include "mqtt/mqtt_client.h"
#include "opcua/server.h"
#include "plant/machine_signal.h"
#include "plant/truth_log.h"

namespace lineside::plant {

// What is wrong with the sensors: nothing; no blocks; the last value for ever; cut at half the level; ten times as
// much; every tenth block missing; a header of twice the rate; the time of each fifth block a second early; samples
// that are no numbers.
enum class SensorTrouble : std::uint8_t { none, gone, flat, clip, gain, gap, rate, backwards, nan };
std::optional<SensorTrouble> sensor_trouble(std::string_view name);

// Owns its thread and its connection; thread-safe. Blocks come at their time, whatever happens; without a broker they
// are lost, as a DAQ's are.
class Machine final : private mqtt::Handler {
 public:
  // `opcua`: also offers its blocks there, if not null; must outlive it. Errors: those of mqtt::Client::start.
  static Result<std::unique_ptr<Machine>> start(const config::MachineSettings& settings, std::uint64_t seed,
                                                TruthLog& truth, opcua::Server* opcua, Clock& clock);
  ~Machine() override;  // stops
  void set_fault(MachineFault fault, double severity);
  void set_sensor(SensorTrouble trouble);
  const std::string& name() const { return settings_.name; }

 private:
  Machine(const config::MachineSettings& settings, std::uint64_t seed, TruthLog& truth, opcua::Server* opcua,
          Clock& clock);
  void run(const std::stop_token& stop);
  void publish(std::span<const float> values, WallTime first);
  void offer(const std::vector<std::vector<float>>& axes, WallTime first);
  void planned_fault(MonoTime now);
  void on_connected() override {}
  void on_disconnected(const std::string&) override {}

  const config::MachineSettings settings_;
  TruthLog& truth_;
  opcua::Server* const opcua_;
  Clock& clock_;
  MachineSignal signal_;
  std::mutex mutex_;  // of signal_
  std::atomic<SensorTrouble> trouble_{SensorTrouble::none};
  std::uint32_t sequence_ = 0;
  MonoTime began_{};
  bool fault_began_ = false;             // the one of the settings
  std::atomic<bool> fault_done_{false};  // has grown to its severity, or was replaced by an order
  std::vector<float> last_;
  std::unique_ptr<mqtt::Client> client_;
  std::jthread thread_;
};

}  // namespace lineside::plant
