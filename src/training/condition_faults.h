#pragma once
// Made-up faults, put into normal recordings to see which detector would notice: generic signs of damage, none of a
// particular machine. They choose between detectors and set no threshold.
#include <span>
#include <string>
#include <vector>

#include "condition/recording.h"
#include "training/random.h"

namespace lineside::training {

// Waveforms: impulses that ring a resonance, a tone at the first or second order, broadband noise, amplitude
// modulation, a higher level. Telemetry: a step, a ramp, more spread, a channel that no longer follows the others.
std::vector<std::string> fault_names(bool waveform);

// Changes `channels` (a window, or a stretch of rows) from sample `from` on. `severity` 1 is plain, below it is harder
// to notice. `speed_hz` 0: not known. `scales`: each channel's usual deviation.
void inject_fault(std::vector<std::vector<float>>& channels, std::size_t fault, double severity, bool waveform,
                  double rate_hz, double speed_hz, std::size_t from, std::span<const double> scales, Random& random);

}  // namespace lineside::training
