#pragma once
// The page's files, put into the program when it is built (CMakeLists.txt).
#include <string_view>

namespace lineside::gateway {

extern const std::string_view page_html, page_css, page_js;

}  // namespace lineside::gateway
