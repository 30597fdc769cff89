#pragma once
// UUID version 7 (RFC 9562): time-ordered, so that ids sort by age.
#include <string>

#include "base/clock.h"

namespace lineside {

// "018f3c6e-....": lower case, 36 characters. Monotonic within the process, also over steps of the
// clock back by up to a second. Thread-safe.
std::string make_uuid(Clock& clock = system_clock());

}  // namespace lineside
