#pragma once
// Numbers as settings and devices write them: with a point.
#include <charconv>
#include <cmath>
#include <concepts>
#include <optional>
#include <string_view>

namespace lineside {

// All of `text` is one number, a plus before it allowed, blanks not. Nothing: it is none, not finite, or beyond N.
template <class N>
std::optional<N> parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  N value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if constexpr (std::floating_point<N>)
    if (!std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace lineside
