#pragma once
// All that a receiver has to know of a recording before its first row: how the text is written, the columns, how each
// is coded. The sender finds it out of the data; it travels in front of the rows.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "telemetry/number_codec.h"
#include "telemetry/table.h"
#include "telemetry/text_codec.h"
#include "telemetry/times.h"

namespace lineside::telemetry {

enum class Kind : std::uint8_t {
  number,  // within a bound
  time,    // exactly
  text,    // exactly, letter by letter: names, states, numbers without a span
};

struct ColumnPlan {
  std::string name;
  Kind kind = Kind::text;
  double bound = 0;              // largest error of a number
  Quantiser quantiser;           // of numbers; made from `bound` and `grid_count` by finish()
  std::uint32_t grid_count = 0;  // grids in a step
  int decimals = 0;              // with which rebuilt numbers are printed; more than kDecimalsMax: as many as they need
  TimeFormat time;

  static constexpr int kDecimalsMax = 17;
  // Step and decimals from the bound, once that and the grid are known.
  void finish();
};

struct Plan {
  TableStyle style;
  std::uint64_t rows = 0;    // 0 also where it is not known yet
  std::uint32_t period = 0;  // rows in a day; 0: none
  bool ragged = false;       // rows differ in length: the last column has their widths, and is not of the table
  std::vector<ColumnPlan> columns;

  std::size_t rows_per_block() const;
};

// The largest bound not above `bound` that a plan can hold (12 digits of its mantissa), 0 if it can't be used at all.
double round_bound(double bound);

// What is read of a plan at most; both ends have to have the same.
struct PlanLimits {
  std::size_t columns = kColumnsMax + 1;
  std::size_t text_bytes = kTextBytesMax;  // of a name; longer ones are cut
};

std::vector<std::uint8_t> encode_plan(const Plan& plan, const PlanLimits& limits = {});
// Errors: file_format, saying what is wrong.
Result<Plan> decode_plan(std::span<const std::uint8_t> bytes, const PlanLimits& limits = {});

// A rebuilt number as it is printed, and the number that this is.
std::string_view print_number(double value, int decimals, std::array<char, 40>& buffer);
double printed_number(double value, int decimals);

}  // namespace lineside::telemetry
