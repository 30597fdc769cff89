#pragma once
// One simulated line: bottles pass the camera at an exact cadence, one picture each, and then the rejector.
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "config/plant_settings.h"
#include "plant/bottle_scene.h"
#include "plant/modbus_server.h"
#include "plant/rejector.h"
#include "plant/rtsp_server.h"
#include "plant/truth_log.h"

namespace lineside::plant {

// `freeze`: connected, but no pictures; `off`: connections closed; `resize`: pictures of half the size.
enum class CameraTrouble : std::uint8_t { none, freeze, off, resize };

// Bottle n is before the camera at start + n / rate, whatever happens: if drawing is late, the bottle goes by unfilmed.
// Owns its thread and its Modbus server; thread-safe.
class BottlingLine {
 public:
  // `stream` and `truth` must outlive the line. Errors: address_in_use.
  static Result<std::unique_ptr<BottlingLine>> create(const config::BottlingLineSettings& settings,
                                                      const std::string& address, std::uint64_t seed,
                                                      VideoStream& stream, TruthLog& truth, Clock& clock);
  ~BottlingLine();  // stops
  void start(MonoTime first_bottle);
  void stop();
  void set_camera(CameraTrouble trouble);
  void set_rejector(ModbusMode mode);
  const std::string& name() const { return settings_.name; }

 private:
  BottlingLine(const config::BottlingLineSettings& settings, std::uint64_t seed, VideoStream& stream, TruthLog& truth,
               Clock& clock);
  void run(const std::stop_token& stop, MonoTime first_bottle);
  void note_gone();

  const config::BottlingLineSettings settings_;
  const std::uint64_t seed_;
  VideoStream& stream_;
  TruthLog& truth_;
  Clock& clock_;
  Rejector rejector_;
  BottleScene scene_, small_scene_;
  std::atomic<CameraTrouble> trouble_{CameraTrouble::none};
  std::unique_ptr<ModbusServer> modbus_;
  std::jthread thread_;
};

}  // namespace lineside::plant
