#pragma once
// What a window's distance from normal looks like, in the words of vibration diagnostics. A pattern is the nearest
// known one, no certainty: its evidence says what was seen (docs/condition.md: the signs and their sources).
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "condition/model.h"

namespace lineside::condition {

enum class Pattern : std::uint8_t {
  none,  // nothing known fits, or the machine is normal
  unbalance,
  misalignment,
  looseness,
  outer_race,
  inner_race,
  ball,
  gear,
  electrical,
  cavitation
};
inline constexpr std::size_t kPatterns = 10;
const char* to_string(Pattern pattern);  // "outer race"

// One feature's share in the distance.
struct Contribution {
  std::string channel, feature;
  double deviation = 0;  // in spreads of normal, with its sign
};

struct Explanation {
  double distance = 0;                      // score over threshold: 1 and more is an anomaly
  std::vector<Contribution> contributions;  // the furthest first, at most five
  Pattern pattern = Pattern::none;
  double confidence = 0;              // 0..1: how much of what changed the pattern explains; 0 with Pattern::none
  std::vector<std::string> evidence;  // "1x 29.3 Hz on x: 3.2 times normal"
  bool drift = false;                 // slow change of all of it, no fault: the verdict stays normal, learn again
  // Velocity of vibration 10-1000 Hz in mm/s, largest channel, and its zone of ISO 20816-3; 0 and '-' if the asset's
  // unit or group is not known.
  double velocity_mm_s = 0;
  char iso_zone = '-';
};

// Of one window; `z` its deviations from `state`, `signs` as the extractor gave them (empty for telemetry).
Explanation explain(const Model& model, const State& state, std::span<const float> x, std::span<const float> signs,
                    double speed_hz, std::span<const double> z);

// The features furthest from normal.
std::vector<Contribution> contributions(std::span<const FeatureInfo> features, std::span<const double> z,
                                        std::size_t most = 5);
// "x band 17-24 Hz +5.1; y rms +3.0; pattern unbalance 72 %: 1x 29.3 Hz on x: 3.2 times normal".
std::string to_text(const Explanation& explanation);

}  // namespace lineside::condition
