#pragma once
// zlib (RFC 1950), gzip (RFC 1952) and raw deflate (RFC 1951) streams from memory, with a bound.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lineside::condition {

enum class Packing : std::uint8_t { zlib_or_gzip, raw_deflate };

// Gzip members one after the other are joined. Errors: file_format (damaged or cut off), limit_reached.
Result<std::vector<std::uint8_t>> inflate(std::span<const std::uint8_t> packed, Packing packing, std::size_t bytes_max,
                                          std::string_view name);

}  // namespace lineside::condition
