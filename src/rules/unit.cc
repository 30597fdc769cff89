#include "rules/unit.h"

#include <algorithm>
#include <cmath>

namespace lineside::rules {
namespace {

struct Known {
  std::string_view name, dimension;
  double factor = 1, offset = 0;
};

constexpr double kFahrenheit = 5.0 / 9;
constexpr Known kUnits[] = {
    {"K", "temperature"},
    {"degC", "temperature", 1, 273.15},
    {"°C", "temperature", 1, 273.15},
    {"degF", "temperature", kFahrenheit, 459.67 * kFahrenheit},
    {"°F", "temperature", kFahrenheit, 459.67 * kFahrenheit},
    {"Pa", "pressure"},
    {"hPa", "pressure", 100},
    {"kPa", "pressure", 1e3},
    {"MPa", "pressure", 1e6},
    {"mbar", "pressure", 100},
    {"bar", "pressure", 1e5},
    {"psi", "pressure", 6894.757293168361},
    {"µm", "length", 1e-6},
    {"um", "length", 1e-6},
    {"mm", "length", 1e-3},
    {"cm", "length", 1e-2},
    {"m", "length"},
    {"km", "length", 1e3},
    {"m/s2", "acceleration"},
    {"m/s²", "acceleration"},
    {"mg", "mass", 1e-6},
    {"g", "mass", 1e-3},
    {"kg", "mass"},
    {"t", "mass", 1e3},
    {"ml", "volume", 1e-6},
    {"l", "volume", 1e-3},
    {"L", "volume", 1e-3},
    {"m3", "volume"},
    {"m³", "volume"},
    {"W", "power"},
    {"kW", "power", 1e3},
    {"MW", "power", 1e6},
    {"J", "energy"},
    {"kJ", "energy", 1e3},
    {"MJ", "energy", 1e6},
    {"Wh", "energy", 3.6e3},
    {"kWh", "energy", 3.6e6},
    {"MWh", "energy", 3.6e9},
    {"mV", "voltage", 1e-3},
    {"V", "voltage"},
    {"kV", "voltage", 1e3},
    {"mA", "current", 1e-3},
    {"A", "current"},
    {"kA", "current", 1e3},
    {"N", "force"},
    {"kN", "force", 1e3},
    {"Nm", "torque"},
    {"Hz", "frequency"},
    {"kHz", "frequency", 1e3},
    {"1/s", "frequency"},
    {"1/min", "frequency", 1.0 / 60},
    {"rpm", "frequency", 1.0 / 60},
    {"%", "ratio", 1e-2},
    {"‰", "ratio", 1e-3},
    {"ppm", "ratio", 1e-6},
    {"ms", "time", 1e-3},
    {"s", "time"},
    {"min", "time", 60},
    {"h", "time", 3600},
    {"d", "time", 86'400},
};

const Known* find(std::string_view name) {
  const auto known = std::ranges::find(kUnits, name, &Known::name);
  return known == std::end(kUnits) ? nullptr : known;
}

std::optional<Unit> known_unit(std::string_view text) {
  if (const Known* known = find(text))
    return Unit{std::string(text), std::string(known->dimension), known->factor, known->offset};
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const Known* amount = find(text.substr(0, slash));
  const auto time = seconds_of(text.substr(slash + 1));
  if (amount == nullptr || !time) return std::nullopt;
  return Unit{std::string(text), std::string(amount->dimension) + "/time", amount->factor / *time, 0};
}

}  // namespace

Unit unit_of(std::string_view text) {
  if (auto known = known_unit(text)) return *known;
  return {std::string(text), std::string(text), 1, 0};
}

bool is_known_unit(std::string_view text) { return known_unit(text).has_value(); }

Fit fit(const Unit& a, const Unit& b) {
  if (a.dimension != b.dimension) return Fit::none;
  if (a.offset != b.offset) return Fit::other_zero;
  return a.factor == b.factor ? Fit::same : Fit::by_factor;
}

double convert(double value, const Unit& from, const Unit& to) {
  return (value * from.factor + from.offset - to.offset) / to.factor;
}

Unit difference_of(const Unit& unit) {
  if (unit.offset == 0) return unit;
  return {unit.factor == 1 ? "K" : unit.name + " apart", unit.dimension, unit.factor, 0};
}

Unit per_second(const Unit& unit) {
  const Unit step = difference_of(unit);
  return {step.name + "/s", step.dimension + "/time", step.factor, 0};
}

std::optional<double> seconds_of(std::string_view unit) {
  const Known* known = find(unit);
  if (known == nullptr || known->dimension != "time") return std::nullopt;
  return known->factor;
}

}  // namespace lineside::rules
