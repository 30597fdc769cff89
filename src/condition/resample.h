#pragma once
// Fewer samples a second, with what the lower rate can't hold filtered away before.
#include <span>
#include <vector>

namespace lineside::condition {

// Band-limited interpolation (windowed sinc, Kaiser beta 8: what would fold back is 80 dB down) from `from_hz` to a
// lower `to_hz`. The pass band ends at 0.45 of to_hz. A sample that is missing (NaN) makes those near it missing.
std::vector<float> resample(std::span<const float> signal, double from_hz, double to_hz);

}  // namespace lineside::condition
