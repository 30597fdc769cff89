#include "base/utf8.h"
#include "wire/batch.h"

namespace lineside::wire {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace

std::string clean_text(std::string_view text, std::size_t bytes_max) {
  std::string clean;
  clean.reserve(std::min(text.size(), bytes_max));
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view next = length == 0 ? kReplacement : text.substr(0, length);
    if (clean.size() + next.size() > bytes_max) break;
    clean += next;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

}  // namespace lineside::wire
