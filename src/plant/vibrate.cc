#include "plant/vibrate.h"

#include <format>
#include <vector>

#include "base/file.h"
#include "plant/machine_signal.h"

namespace lineside::plant {

Result<void> write_vibration(const VibrateOptions& options, const std::function<bool()>& go_on) {
  const auto fault = machine_fault(options.fault);
  if (!fault) return fail(ErrorCode::usage, std::format("--fault {}: there is no such fault", options.fault));
  std::error_code error;
  fs::create_directories(options.out, error);
  if (error) return fail(ErrorCode::file_io, std::format("can't make {}: {}", options.out.string(), error.message()));
  MachineSignal signal({.rate_hz = options.rate_hz,
                        .axes = options.axes,
                        .speed_hz = options.speed_hz,
                        .pump = options.kind == "pump",
                        .seed = options.seed});
  signal.set_fault(*fault, options.severity);
  const auto axes = static_cast<std::size_t>(options.axes);
  const auto samples = static_cast<std::size_t>(options.seconds * options.rate_hz);
  std::vector<float> values(samples * axes);
  for (int file = 1; file <= options.count; ++file) {
    if (!go_on()) return fail(ErrorCode::cancelled, "stopped");
    signal.next(values);
    std::string text;
    for (std::size_t axis = 0; axis < axes; ++axis)
      text += (axis > 0 ? "," : "") + (axis < 3 ? std::string(1, "xyz"[axis]) : std::format("a{}", axis + 1));
    for (std::size_t i = 0; i < samples; ++i)
      for (std::size_t axis = 0; axis < axes; ++axis)
        text += std::format("{}{:.6g}", axis > 0 ? "," : "\n", values[axis * samples + i]);
    text += '\n';
    LINESIDE_TRY(write_atomically(options.out / std::format("{:04}.csv", file), text));
  }
  return {};
}

}  // namespace lineside::plant
