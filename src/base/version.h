#pragma once
// The version of this build, as "0.1.0".
#include <string_view>

namespace lineside {

std::string_view version();

}  // namespace lineside
