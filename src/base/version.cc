#include "base/version.h"

namespace lineside {

std::string_view version() { return LINESIDE_VERSION; }

}  // namespace lineside
