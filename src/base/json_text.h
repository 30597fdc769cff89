#pragma once
// Text as a JSON string (RFC 8259), for the few places that write a line of JSON and need no parser.
#include <string>
#include <string_view>

namespace lineside {

// Quotes, backslashes and control characters escaped, without the quotes around it. Bytes that are no UTF-8 stay.
void append_json_escaped(std::string& out, std::string_view text);
void append_json_text(std::string& out, std::string_view text);  // with the quotes
std::string json_text(std::string_view text);                    // likewise

}  // namespace lineside
