#pragma once
// Reproducible random numbers for the simulation: the same on every machine and standard library.
#include <cmath>
#include <cstdint>

namespace lineside::plant {

// SplitMix64 (Steele, Lea, Flood 2014). Cheap to make: one for each bottle, seeded by line and bottle number.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : state_(seed * 0x9E3779B97F4A7C15ULL ^ mix(stream)) {}

  std::uint64_t next() { return mix(state_ += 0x9E3779B97F4A7C15ULL); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // About normal (sum of 12 uniforms), never further than 6 standard deviations: enough for jitter and noise.
  double normal(double mean, double deviation) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return mean + deviation * sum;
  }
  int below(int limit) { return static_cast<int>(next() % static_cast<std::uint64_t>(limit)); }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

}  // namespace lineside::plant
