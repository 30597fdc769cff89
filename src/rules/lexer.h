#pragma once
// Splits a rule's expression into tokens. Owns nothing: tokens point into the text, which must outlive them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lineside::rules {

inline constexpr std::size_t kExpressionBytesMax = 4000;
inline constexpr std::size_t kTokensMax = 1000;

struct Token {
  enum class Kind : std::uint8_t { number, word, quoted, symbol, end };
  Kind kind = Kind::end;
  std::string_view text;   // without its quotes
  std::size_t column = 1;  // from 1 on, in bytes
  double number = 0;       // of a number, always finite
  bool is(std::string_view what) const { return (kind == Kind::word || kind == Kind::symbol) && text == what; }
};

// A mistake in an expression: where it is and what would be right.
struct Mistake {
  std::size_t column = 1;
  std::string message;
};

// A word is the longest run of letters, digits and `_ . / -` (and anything outside ASCII) that begins with a letter or
// `_` and does not end with `. / -`: tag names and units hold these, so division and subtraction need blanks around.
// Other names stand in single or double quotes. Always ends with a token of kind end; at most one mistake.
std::vector<Token> split(std::string_view text, std::vector<Mistake>& mistakes);

}  // namespace lineside::rules
