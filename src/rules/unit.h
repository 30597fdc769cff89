#pragma once
// Physical units as people write them beside numbers and tags: which fit each other, and by what factor.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lineside::rules {

struct Unit {
  std::string name;       // as written; empty: a number without a unit
  std::string dimension;  // what it measures; a unit that is not known here is a dimension of its own
  double factor = 1;      // in the dimension's base unit a value is value * factor + offset
  double offset = 0;      // not 0: a scale whose zero is not nothing, like degC
};

// Never fails: a unit that is not known (see docs/rules.md for those that are) fits only itself.
Unit unit_of(std::string_view text);
bool is_known_unit(std::string_view text);

enum class Fit : std::uint8_t {
  same,
  by_factor,   // one is a multiple of the other: mbar and bar
  other_zero,  // same dimension, but their zeros differ: degC and degF
  none,
};
Fit fit(const Unit& a, const Unit& b);

// `value` in `from` as a number in `to`; their dimension must be the same.
double convert(double value, const Unit& from, const Unit& to);

// What two values of `unit` differ by: of degC it is K.
Unit difference_of(const Unit& unit);
// Change of `unit` in a second.
Unit per_second(const Unit& unit);

// "250 ms", "30 s", "5 min", "2 h", "7 d": the factor to seconds of such a unit.
std::optional<double> seconds_of(std::string_view unit);

}  // namespace lineside::rules
