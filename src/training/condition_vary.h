#pragma once
// Normal recordings as another day would give them: the sensor sits a little differently, the structure is warmer, the
// shaft a little faster. With few recordings of each state that is all that is known of how recordings differ; the
// amounts are our choice (docs/condition.md), none of them measured.
#include <functional>
#include <span>
#include <vector>

#include "condition/model.h"
#include "condition/recording.h"
#include "training/condition_fit.h"
#include "training/random.h"

namespace lineside::training {

// One other day: gains of the channels, responses over the frequencies, a speed, a turn of the first two axes.
class OtherDay {
 public:
  // Draws it. `channels`: how many there are; rate_hz: of their samples.
  OtherDay(std::size_t channels, double rate_hz, Random& random);
  // `window` samples of each channel from `first` on as that day would give them; what is missing (NaN) counts as 0.
  // A faster day needs up to 2 % more samples: where the recording ends before, it begins earlier. `window` is a
  // product of 2, 3 and 5 and not above the recording's length.
  std::vector<std::vector<float>> window(const condition::Recording& recording, std::size_t first,
                                         std::size_t window) const;

 private:
  double rate_hz_, speed_, turn_;
  std::vector<std::vector<double>> response_;  // logarithms, per channel: a value each octave from 5 Hz on
};

// The windows of `samples` (waveforms) on other days: up to six days of each recording, about 300 windows in all. Each
// keeps the recording, state and fold of the one it was made from; signs are empty.
std::vector<Sample> vary(const std::vector<Sample>& samples, std::span<const condition::Recording> recordings,
                         const condition::Model& model, std::uint64_t seed);

// What such windows weigh beside real ones, 0..1: as much as three recordings beyond the first of each state.
double variation_share(const std::vector<Sample>& samples);

}  // namespace lineside::training
