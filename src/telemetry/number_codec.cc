#include "telemetry/number_codec.h"

#include <cmath>

namespace lineside::telemetry {
namespace {

constexpr std::uint64_t kUnaryMax = 14;

std::size_t index(int value) { return static_cast<std::size_t>(value); }

// To the nearest whole number, for |x| < 2^51; no call of a library that might do it another way.
double nearest(double x) {
  constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52
  return (x + kMagic) - kMagic;
}

int run_class(int zeros) {
  return zeros < 4 ? zeros : std::min(7, 1 + static_cast<int>(std::bit_width(static_cast<unsigned>(zeros))));
}

}  // namespace

NumberCodec::NumberCodec(const Quantiser& quantiser, std::span<const double> helper_steps, std::uint32_t period)
    : step_(quantiser.step),
      scale_(1 / quantiser.step),
      grid_(quantiser.grid),
      grid_scale_(quantiser.grid > 0 ? 1 / quantiser.grid : 0),
      grid_start_(quantiser.grid_start),
      helpers_count_(helper_steps.size()),
      lag_(period > 0 ? period + 2 : Predictor::kLagMin),
      predictor_(quantiser.step, helper_steps, period) {
  lag_ = std::max(lag_, Predictor::kLagMin);
}

NumberCodec::Look NumberCodec::look(Expect expect, const NumberRows& rows, std::size_t row) {
  const double* own = rows.values + row;
  std::array<const double*, kHelpersMax> helpers;
  Look result;
  int moved = 0;
  for (std::size_t i = 0; i < helpers_count_; ++i) {
    helpers[i] = rows.helper_values[i] + row;
    const int count = rows.helper_counts[i][row];
    if (count == 0) continue;
    if (moved++ == 0) result.neighbour_sign = count > 0 ? 1 : 2;
  }
  result.neighbour = std::min(moved, 2);
  const auto guess = predictor_.guess(own, {helpers.data(), helpers_count_});
  double expected = expect == Expect::last ? guess.last : expect == Expect::level ? guess.level : guess.learned;
  if (!(std::abs(expected) * scale_ < 4 * kStepsMax)) expected = guess.last;
  if (!begun_) expected = 0;
  if (grid_ > 0) expected = grid_start_ + nearest((expected - grid_start_) * grid_scale_) * grid_;
  const double other = expect == Expect::learned && grid_ == 0 ? guess.last : guess.learned;
  const double lean = begun_ ? (other - expected) * scale_ : 0;
  result.expected = expected;
  result.lean = lean < -0.3 ? 0 : lean < -0.08 ? 1 : lean <= 0.08 ? 2 : lean <= 0.3 ? 3 : 4;
  return result;
}

template <class Bits>
std::uint64_t NumberCodec::code_size(Bits& bits, SharedModel& shared, std::uint64_t size, int lean) {
  const auto active = index(active_), size_before = index(std::abs(before_));
  std::uint64_t found = 0;
  while (found < kUnaryMax &&
         bits.mixed(size_mixer_[std::min<std::size_t>(found, size_mixer_.size() - 1)],
                    {&size_by_activity_[found * 6 + active], &size_by_history_[found * 3 + size_before],
                     &size_by_lean_[found * 5 + index(lean)], &shared.size[found * 6 + active]},
                    size > found))
    ++found;
  if (found == kUnaryMax) found += code_number(bits, long_size_, size - kUnaryMax);
  return found;
}

template <class Bits>
std::int64_t NumberCodec::code_count(Bits& bits, SharedModel& shared, std::int64_t count, const Look& look) {
  const auto active = index(active_), size_before = index(std::abs(before_));
  const std::size_t history = size_before * 3 + index(std::abs(before_that_));
  const std::size_t place = (active * 5 + index(look.lean)) * 3 + index(look.neighbour);
  if (bits.mixed(zero_mixer_,
                 {&zero_by_history_[history * 5 + index(look.lean)],
                  &zero_by_run_[(index(run_class(zeros_)) * 3 + index(look.neighbour)) * 3 + size_before],
                  &zero_by_activity_[place], &shared.zero[place]},
                 count == 0))
    return 0;
  const std::size_t sign_active = active * 3 + index(sign_);
  const bool negative =
      bits.mixed(sign_mixer_,
                 {&sign_by_lean_[index(sign_) * 5 + index(look.lean)],
                  &sign_by_neighbour_[(index(look.neighbour_sign) * 3 + index(sign_)) * 3 + (before_ < 0    ? 0
                                                                                             : before_ == 0 ? 1
                                                                                                            : 2)],
                  &sign_by_activity_[sign_active], &shared.sign[sign_active]},
                 count < 0);
  const std::uint64_t size = static_cast<std::uint64_t>(std::abs(count)) - 1;
  // A reader of damaged bytes may find anything: cut to what double and integer both hold.
  constexpr std::uint64_t kFar = std::uint64_t{1} << 40;
  const auto found =
      static_cast<std::int64_t>(std::min(code_size(bits, shared, size, negative ? 4 - look.lean : look.lean), kFar));
  return negative ? -found - 1 : found + 1;
}

void NumberCodec::done(std::int64_t count, double value) {
  static constexpr std::array kLimits{6, 24, 80, 200, 480};
  predictor_.learn(value);
  activity_ += (static_cast<int>(std::min<std::int64_t>(std::abs(count), 16)) * 256 - activity_) / 8;
  active_ = 0;
  for (const int limit : kLimits) active_ += activity_ >= limit ? 1 : 0;
  zeros_ = count == 0 ? std::min(zeros_ + 1, 1000) : 0;
  if (count != 0) sign_ = count > 0 ? 1 : 2;
  before_that_ = before_;
  before_ = static_cast<int>(std::clamp<std::int64_t>(count, -2, 2));
}

template <class Bits>
void NumberCodec::code(Bits& bits, Expect expect, double wanted, const NumberRows& rows, std::size_t row,
                       SharedModel& shared) {
  const Look seen = look(expect, rows, row);
  std::int64_t count = 0;
  if constexpr (!Bits::kReads) count = static_cast<std::int64_t>(nearest((wanted - seen.expected) * scale_));
  count = code_count(bits, shared, count, seen);
  double value = seen.expected + static_cast<double>(count) * step_;
  if (!(std::abs(value) < 1e300)) value = begun_ ? *(rows.values + row - 1) : 0;  // only damaged bytes ask for that
  rows.values[row] = value;
  rows.counts[row] = static_cast<std::int8_t>(std::clamp<std::int64_t>(count, -100, 100));
  if (!begun_) {  // before the first value all was as it is
    begun_ = true;
    std::fill(rows.values + row - lag_, rows.values + row, value);
  }
  done(count, value);
}

void NumberCodec::skip(const NumberRows& rows, std::size_t row) const {
  rows.values[row] = begun_ ? *(rows.values + row - 1) : 0;
  rows.counts[row] = 0;
}

template <class Bits>
Expect NumberCodec::code_expect(Bits& bits, Expect wanted) {
  const auto at = index(expect_before_ * 2);
  const int ahead = (static_cast<int>(wanted) - expect_before_ + kExpectCount) % kExpectCount;
  if (!bits.counted(expect_[at], ahead == 0))
    expect_before_ = (expect_before_ + (bits.counted(expect_[at + 1], ahead == 1) ? 1 : 2)) % kExpectCount;
  return static_cast<Expect>(expect_before_);
}

using Encoding = BitWriter<BitEncoder>;
using Costing = BitWriter<BitCost>;
template void NumberCodec::code(Encoding&, Expect, double, const NumberRows&, std::size_t, SharedModel&);
template void NumberCodec::code(Costing&, Expect, double, const NumberRows&, std::size_t, SharedModel&);
template void NumberCodec::code(BitReader&, Expect, double, const NumberRows&, std::size_t, SharedModel&);
template Expect NumberCodec::code_expect(Encoding&, Expect);
template Expect NumberCodec::code_expect(Costing&, Expect);
template Expect NumberCodec::code_expect(BitReader&, Expect);

}  // namespace lineside::telemetry
