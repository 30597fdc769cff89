#pragma once
// Random numbers that are the same on every machine for one seed: xoshiro256** (Blackman and Vigna) seeded by
// splitmix64. The standard library's distributions are not used because each library implements them in its own way.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace lineside::training {

// Owner thread only; copyable. Give each model and each purpose its own.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  double uniform();                         // [0, 1)
  double uniform(double low, double high);  // [low, high)
  std::size_t below(std::size_t count);     // 0..count-1; count > 0
  bool chance(double probability);
  double normal();                           // mean 0, deviation 1
  Random fork(std::uint64_t purpose) const;  // another stream, the same for the same purpose

  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::array<std::uint64_t, 4> state_;
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace lineside::training
