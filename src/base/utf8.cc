#include "base/utf8.h"

namespace lineside {
namespace {

// Of a character of two or three bytes. UTF-8 sorts like the numbers that it stands for.
bool disturbs(std::string_view c) {
  const bool control = c >= "\xC2\x80" && c <= "\xC2\x9F";                            // U+0080 to U+009F
  const bool line = c == "\xE2\x80\xA8" || c == "\xE2\x80\xA9";                       // U+2028, U+2029
  const bool mark = c == "\xD8\x9C" || (c >= "\xE2\x80\x8E" && c <= "\xE2\x80\x8F");  // U+061C, U+200E, U+200F
  const bool embedding = c >= "\xE2\x80\xAA" && c <= "\xE2\x80\xAE";                  // U+202A to U+202E
  const bool isolate = c >= "\xE2\x81\xA6" && c <= "\xE2\x81\xA9";                    // U+2066 to U+2069
  return control || line || mark || embedding || isolate;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned lead = at(0);
  if (text.empty()) return 0;
  if (lead < 0x80) return 1;
  const auto continues = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0 && at(1) < 0xA0) return 0;  // overlong
    if (lead == 0xED && at(1) > 0x9F) return 0;  // surrogates
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0 && at(1) < 0x90) return 0;  // overlong
    if (lead == 0xF4 && at(1) > 0x8F) return 0;  // beyond U+10FFFF
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

char32_t utf8_number(std::string_view character) {
  constexpr unsigned kLeadBits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t number = static_cast<unsigned char>(character[0]) & kLeadBits[character.size()];
  for (const char c : character.substr(1)) number = number << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  return number;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view next = text.substr(0, length);
    const bool ascii_control = length == 1 && (next[0] < ' ' || next[0] == '\x7F');
    out += length == 0 || ascii_control || (length > 1 && length < 4 && disturbs(next)) ? "?" : next;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace lineside
