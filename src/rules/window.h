#pragma once
// A tag's values over a time that slides on: mean, smallest, largest, change a second, number of readings. A value
// holds until the next reading (OPC 10000-13 calls it stepped interpolation), so that tags that report on change only
// are weighed right. Memory and time are bounded whatever the rate: the length is cut into kSlices.
#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/clock.h"
#include "rules/expression.h"

namespace lineside::rules {

// Owner thread only. Times never go back from one call to the next.
class Window {
 public:
  static constexpr std::int64_t kSlices = 60;

  // `length` within kWindowMin and kWindowMax. `hold_max`: a value holds no longer than so; 0: any time.
  Window(nanoseconds length, nanoseconds hold_max);

  void good(WallTime at, double value);
  void bad(WallTime at);  // from here on nothing is known until the next good value
  // The clock was set to `at`: what was is forgotten, the held value holds from here on.
  void restart(WallTime at);

  // Over the time from one length before the beginning of the slice that `now` is in until `now`: up to 1/60 longer
  // than the length. NaN: less than half of the length is known; for `count`: the first reading is less than a length
  // ago.
  double value(WindowKind kind, WallTime now);

  // When value() may be another without a new reading; nothing: not before the next reading.
  std::optional<WallTime> next_change(WallTime now) const;

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
  struct Slice {
    std::int64_t number = kNever;  // since 1970; another than expected: nothing is known of it
    std::int64_t known_ns = 0;
    double sum = 0;  // value times ns
    double min = 0, max = 0, first = 0;
    std::int64_t first_at = 0;
    std::uint32_t readings = 0;
    bool any = false;
  };
  struct Total {
    std::int64_t known_ns = 0, first_at = 0;
    double sum = 0, min = 0, max = 0, first = 0;
    std::uint64_t readings = 0;
    bool any = false;
  };

  std::int64_t slice_of(std::int64_t at) const;
  Slice& slice(std::int64_t number);
  void hold_until(std::int64_t at);
  static void add_value(Slice& slice, std::int64_t at, double value);
  static void add(Total& total, const Slice& slice);
  Total total(std::int64_t now);

  const std::int64_t width_;  // of a slice, ns
  const std::int64_t length_, hold_max_;
  std::array<Slice, kSlices + 1> slices_{};
  Total before_;                     // of all slices but the newest
  std::int64_t before_of_ = kNever;  // the newest slice that it belongs to; kNever: to be made anew
  bool holding_ = false;
  double held_ = 0;
  std::int64_t held_since_ = 0;  // the reading
  std::int64_t filled_ = 0;      // the held value is in the slices until here
  std::int64_t changed_ = 0;     // last call of good(), bad() or restart()
  std::optional<std::int64_t> begun_;
};

}  // namespace lineside::rules
