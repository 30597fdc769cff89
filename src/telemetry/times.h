#pragma once
// Times as text in the formats that recordings have, turned into numbers and back without loss.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "telemetry/bit_coder.h"

namespace lineside::telemetry {

// How a column writes its times. What doesn't fit a format exactly stays text.
struct TimeFormat {
  enum class Shape : std::uint8_t { number, date_time, clock, minutes };  // epoch; day and time; h:m:s only; m:s only
  enum class Order : std::uint8_t { ymd, dmy, mdy };
  enum class Fraction : std::uint8_t { fixed, trimmed, whole_or_full };  // digits that are zero: kept, cut off, none

  Shape shape = Shape::date_time;
  Order order = Order::ymd;
  Fraction fraction = Fraction::fixed;
  char date_separator = '-', time_separator = ' ', point = '.';
  bool padded_day = true, padded_hour = true, has_time = true, has_seconds = true;
  std::uint8_t digits = 0;  // of the fraction, 0..9
  std::string suffix;       // "Z", "+01:00"

  // Units of 10^-digits seconds since 1970, midnight or the full hour (of a number: of its own unit). Nothing if `text`
  // is not what write() would make of the number.
  std::optional<std::int64_t> read(std::string_view text) const;
  std::string write(std::int64_t time) const;
  std::int64_t units_per_second() const;
  // After which times begin anew (clock, minutes); 0: never.
  std::int64_t turn() const;
  friend bool operator==(const TimeFormat&, const TimeFormat&) = default;
};

// The format that fits most of `cells` (empty ones don't count), if it fits at least nine tenths of them.
// `numbers_too`: plain numbers count as times.
std::optional<TimeFormat> find_time_format(std::span<const std::string_view> cells, bool numbers_too);

// What is learned of how a column's steps follow on each other; columns may share one. Owner thread only.
class TimeModel {
 private:
  friend class TimeCodec;
  static constexpr std::size_t kSlots = 12;
  std::array<Counter, (kSlots + 1) * (kSlots + 1) * (kSlots + 1)> by_history_;
  std::array<Counter, (kSlots + 1) * 64> by_run_;
  std::array<Counter, (kSlots + 1) * (kSlots + 1)> by_last_;
  std::array<Counter, kSlots + 1> by_slot_;
  std::array<Mixer, kSlots> mixers_;
  Lengths lengths_;
};

// A column of times, by its steps. Owner thread only.
class TimeCodec {
 public:
  explicit TimeCodec(std::int64_t turn) : turn_(turn) {}
  template <class Bits>
  std::int64_t code(Bits& bits, TimeModel& model, std::int64_t wanted);

 private:
  static constexpr std::size_t kSlots = TimeModel::kSlots;
  std::int64_t turn_, last_ = 0;
  bool begun_ = false;
  std::array<std::int64_t, kSlots> steps_{};  // that came before, in the order they first came
  std::size_t used_ = 0, replace_ = 1, before_ = 0, before_that_ = 0;
  int run_ = 0;  // of the first step
};

}  // namespace lineside::telemetry
