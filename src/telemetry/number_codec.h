#pragma once
// One tag's values as a stream of decisions: each value is a number of steps beside what was expected. A step is twice
// the largest error allowed, so that a value within that error of what was expected costs next to nothing.
#include <array>
#include <cstdint>
#include <vector>

#include "telemetry/bit_coder.h"
#include "telemetry/predictor.h"

namespace lineside::telemetry {

enum class Expect : std::uint8_t {
  last,     // as before: a dead band
  level,    // a slow mean
  learned,  // fitted weights
};
inline constexpr int kExpectCount = 3;

// How a column of numbers is quantised. Where the instrument's own resolution is coarse (`grid` > 0), values are
// grid_start + n * grid and a step is a whole number of grids, which is more than twice the bound but never errs by
// more.
struct Quantiser {
  double step = 1;
  double grid = 0;                     // 0: none
  double grid_start = 0;               // what can be expected is grid_start + n * grid
  std::vector<std::uint32_t> helpers;  // columns that move with this one, coded before it, at most kHelpersMax
};

// What all columns of a table learn together, so that a short one need not begin at nothing.
struct SharedModel {
  std::array<Counter, 6 * 5 * 3> zero;
  std::array<Counter, 6 * 3> sign;
  std::array<Counter, 16 * 6> size;
};

// Where a block's rows lie. Before row 0 there are the rows before, as many as the predictor looks back.
struct NumberRows {
  double* values = nullptr;       // rebuilt
  std::int8_t* counts = nullptr;  // numbers of steps, cut to -100..100; one row before row 0 is readable
  std::array<const double*, kHelpersMax> helper_values{};
  std::array<const std::int8_t*, kHelpersMax> helper_counts{};
};

// Owner thread only; copies are independent.
class NumberCodec {
 public:
  NumberCodec(const Quantiser& quantiser, std::span<const double> helper_steps, std::uint32_t period);

  // Codes one row: `wanted` on the way out (finite, at most kStepsMax steps from 0), otherwise found and put into
  // rows.values[row]. Rows without a number go to skip().
  template <class Bits>
  void code(Bits& bits, Expect expect, double wanted, const NumberRows& rows, std::size_t row, SharedModel& shared);
  // A row without a number: repeats the value before.
  void skip(const NumberRows& rows, std::size_t row) const;
  template <class Bits>
  Expect code_expect(Bits& bits, Expect wanted);

  static constexpr double kStepsMax = static_cast<double>(std::int64_t{1} << 36);

 private:
  struct Look {  // what the decisions depend on
    double expected = 0;
    int lean = 0;            // where the other guess lies: 0..4
    int neighbour = 0;       // whether a helper just moved: 0..2
    int neighbour_sign = 0;  // 0..2
  };
  Look look(Expect expect, const NumberRows& rows, std::size_t row);
  void done(std::int64_t count, double value);
  template <class Bits>
  std::int64_t code_count(Bits& bits, SharedModel& shared, std::int64_t count, const Look& look);
  template <class Bits>
  std::uint64_t code_size(Bits& bits, SharedModel& shared, std::uint64_t size, int lean);

  double step_, scale_, grid_, grid_scale_, grid_start_;
  std::size_t helpers_count_, lag_;
  bool begun_ = false;
  Predictor predictor_;
  int activity_ = 256, active_ = 4;
  int before_ = 0, before_that_ = 0;  // numbers of steps, cut to -2..2
  int sign_ = 0, zeros_ = 0, expect_before_ = 0;
  std::array<Counter, 9 * 5> zero_by_history_;
  std::array<Counter, 8 * 3 * 3> zero_by_run_;
  std::array<Counter, 6 * 5 * 3> zero_by_activity_;
  std::array<Counter, 3 * 5> sign_by_lean_;
  std::array<Counter, 3 * 3 * 3> sign_by_neighbour_;
  std::array<Counter, 6 * 3> sign_by_activity_;
  std::array<Counter, 16 * 6> size_by_activity_;
  std::array<Counter, 16 * 3> size_by_history_;
  std::array<Counter, 16 * 5> size_by_lean_;
  std::array<Counter, kExpectCount * 2> expect_;
  Lengths long_size_;
  Mixer zero_mixer_, sign_mixer_;
  std::array<Mixer, 4> size_mixer_;
};

}  // namespace lineside::telemetry
