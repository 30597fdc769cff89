#pragma once
// Texts from anywhere: which bytes are a character, and what may be shown of them.
#include <cstddef>
#include <string>
#include <string_view>

namespace lineside {

// Length of the well-formed UTF-8 character at the start of `text` (Unicode 15, table 3-7), 1 to 4; 0: it is not one.
std::size_t utf8_length(std::string_view text);

// The character's number (code point). `character`: one that is well-formed.
char32_t utf8_number(std::string_view character);

// For a terminal, a message or a page: what is no UTF-8, control characters (those that move a cursor or begin an
// escape sequence, C1 too) and characters that turn the direction of what follows become '?'.
std::string printable(std::string_view text);

}  // namespace lineside
