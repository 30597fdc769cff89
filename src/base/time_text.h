#pragma once
// Times as people and devices write them.
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace lineside {

// RFC 3339 and the common part of ISO 8601: "2026-11-22T15:04:05.123456789+01:00", also with a blank instead of T, a
// comma instead of the point, without seconds, with +01 or +0100. The zone (or Z) must be there: a local time is no
// time. Digits below a nanosecond are cut off, a leap second is the second after. Nothing: it is no such time, or not
// between 1678 and 2261.
std::optional<WallTime> from_iso8601(std::string_view text);

}  // namespace lineside
