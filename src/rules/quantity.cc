#include <format>

#include "rules/expression.h"

namespace lineside::rules {

std::optional<double> parse_quantity(std::string_view text, const std::optional<Unit>& unit,
                                     std::vector<Mistake>& mistakes) {
  const std::size_t before = mistakes.size();
  const auto tokens = split(text, mistakes);
  if (mistakes.size() > before) return std::nullopt;
  const std::size_t at = tokens[0].is("-") ? 1 : 0;  // split() ends with a token of kind end
  const Token& number = tokens[at];
  if (number.kind != Token::Kind::number || tokens.size() > at + 3) {
    mistakes.push_back({number.column, "must be a number, with or without a unit, as 60 or 60 °C"});
    return std::nullopt;
  }
  const double value = at == 1 ? -number.number : number.number;
  const Token& named = tokens[at + 1];
  if (named.kind == Token::Kind::end || !unit) return value;
  const Unit given = unit_of(named.text);
  switch (fit(given, *unit)) {
    case Fit::same:
      return value;
    case Fit::by_factor:
      return convert(value, given, *unit);
    case Fit::other_zero:
      mistakes.push_back({named.column, std::format("{:.6g} {} are {:.6g} {}: write that", value, given.name,
                                                    convert(value, given, *unit), unit->name)});
      return std::nullopt;
    case Fit::none:
      break;
  }
  mistakes.push_back({named.column, std::format("{} does not fit the tag, which {}", given.name,
                                                unit->name.empty() ? "has no unit" : "is in " + unit->name)});
  return std::nullopt;
}

}  // namespace lineside::rules
