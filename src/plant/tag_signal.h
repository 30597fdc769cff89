#pragma once
// Slow signals as a plant's instruments give them, simulated.
#include <cstdint>
#include <string>

#include "plant/random.h"

namespace lineside::plant {

// One signal, a step at a time. The same seed, the same signal. Owner thread only.
class TagSignal {
 public:
  // temperature: follows a set point that is changed now and then, slowly, with noise, in steps of 0.1. pressure:
  // wanders about its middle, with spikes. flow: levels, with noise. state: 0, 1 or 2, seldom another. counter: grows
  // while something runs.
  enum class Kind : std::uint8_t { temperature, pressure, flow, state, counter };
  static constexpr int kKinds = 5;

  TagSignal(Kind kind, std::uint64_t seed);
  double next(double seconds);  // its value so long after the one before

 private:
  Kind kind_;
  Random random_;
  double middle_ = 0, target_ = 0, level_ = 0, wander_ = 0;
};

// "temperature0", "pressure1" ...: the kinds take turns.
TagSignal::Kind kind_of_tag(int number);
std::string name_of_tag(int number);

}  // namespace lineside::plant
