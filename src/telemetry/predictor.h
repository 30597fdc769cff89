#pragma once
// What a tag's next value is expected to be, from what the receiver has already: its own last values, the same time a
// day ago, and tags that moved with it. The weights are fitted as the data comes (least squares with forgetting), by
// both ends from the same numbers, so no model has to be sent.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lineside::telemetry {

inline constexpr std::size_t kHelpersMax = 4;
inline constexpr std::uint32_t kPeriodMax = 4096;

// Owner thread only; copies are independent. Deterministic on any CPU with IEEE 754 doubles.
class Predictor {
 public:
  static constexpr std::size_t kLagMin = 8;  // rows that must be readable before the row of a guess; with a period,
                                             // period + 2 of them

  // `step` of the quantisation and those of the helpers (at most kHelpersMax) make columns comparable.
  // `period`: rows in a day, 0: none, at most kPeriodMax.
  Predictor(double step, std::span<const double> helper_steps, std::uint32_t period);

  struct Guess {
    double last = 0;     // the value before
    double level = 0;    // a slow mean
    double learned = 0;  // by the fitted weights
  };
  // For the row at `own` (own[-1] is the value before); helpers have their value of that row already.
  Guess guess(const double* own, std::span<const double* const> helpers);
  // What came. Must follow guess() for the same row.
  void learn(double value);

 private:
  static constexpr std::size_t kInputsMax = 12;
  static constexpr std::size_t kRows = 32;  // learned from together
  using Pair = double __attribute__((vector_size(16)));

  void absorb();
  void solve();

  double step_, scale_;
  std::uint32_t period_;
  std::array<double, kHelpersMax> helper_scale_{};
  std::size_t inputs_count_ = 0;
  std::uint64_t seen_ = 0, absorbed_ = 0;
  std::size_t waiting_ = 0;  // rows not yet absorbed
  double mean_quick_ = 0, mean_slow_ = 0, last_ = 0;
  std::array<double, kInputsMax> inputs_{}, weights_{}, targets_{};
  std::array<std::array<double, kInputsMax>, kInputsMax> squares_{};
  alignas(16) std::array<std::array<double, kRows>, kInputsMax + 1> rows_{};  // by input; the target behind them
};

}  // namespace lineside::telemetry
