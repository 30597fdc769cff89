#pragma once
// The vibration of a simulated machine, as accelerometers on it would give it, in m/s2. All of it is made up.
//
// Bearing faults: a train of impulses at the fault's frequency, each ringing a resonance, modulated by the load zone
// (McFadden and Smith, "Model for the vibration produced by a single point defect in a rolling element bearing",
// Journal of Sound and Vibration 96(1), 1984), with the random slip of Antoni and Randall (Journal of Vibration and
// Acoustics 125(3), 2003). Gear: the mesh with sidebands at the shaft's frequency (McFadden, "Detecting fatigue cracks
// in gears by amplitude and phase demodulation of the meshing vibration", Journal of Vibration, Acoustics, Stress, and
// Reliability in Design 108(2), 1986). Cavitation: broadband bursts at the blade-passing rate.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "plant/random.h"

namespace lineside::plant {

enum class MachineFault : std::uint8_t {
  none,
  unbalance,
  misalignment,
  looseness,
  outer_race,
  inner_race,
  ball,
  gear,
  cavitation
};
std::optional<MachineFault> machine_fault(std::string_view name);  // "ok", "unbalance", "outer_race" ...
std::string_view to_string(MachineFault fault);

struct MachineSpec {
  double rate_hz = 10'000;
  int axes = 3;  // the last one is axial
  double speed_hz = 29.3;
  bool pump = false;  // six blades, more broadband noise; else a motor with a gear stage of 17 teeth
  std::uint64_t seed = 1;
};

// One thread. The same spec and the same calls give the same samples.
class MachineSignal {
 public:
  explicit MachineSignal(const MachineSpec& spec);
  // `severity` 0..: 1 is plain to see, 0.3 early. Takes effect with the next samples.
  void set_fault(MachineFault fault, double severity);
  // The next samples: channel after channel, each out.size() / axes of them.
  void next(std::span<float> out);

 private:
  struct Tone {
    double order = 1, amplitude = 0, phase = 0;
  };
  struct Ring {  // what is still ringing, as a second-order resonance
    double a1 = 0, a2 = 0, y1 = 0, y2 = 0, gain = 0;
  };
  void impulses(double time_step, std::array<double, 8>& hits);
  double tones(int axis, double angle) const;
  double fault_tones(int axis, double angle) const;

  const MachineSpec spec_;
  MachineFault fault_ = MachineFault::none;
  double severity_ = 0;
  Random random_;
  std::vector<std::vector<Tone>> tones_;
  std::vector<Ring> rings_;
  std::vector<double> noise_;
  double angle_ = 0;         // of the shaft, in turns
  double next_impulse_ = 0;  // in turns
  double wander_ = 0;        // of speed and load, slow
};

}  // namespace lineside::plant
