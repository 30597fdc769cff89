#pragma once
// The most of tags that a hub takes, whatever a gateway claims: records beyond it are declared lost.
#include <cstddef>
#include <cstdint>

namespace lineside {

inline constexpr std::uint32_t kTagBlocksMax = 1024;       // of a generation
inline constexpr std::uint64_t kTagSamplesMax = 64 * 256;  // of a block; so its rows, too
inline constexpr std::size_t kTagPlanBytesMax = 64 * 1024, kTagBlockBytesMax = 1 << 20;
inline constexpr std::size_t kTagStreamsMax = 4096, kSummaryTagsMax = 20'000;  // of one gateway

}  // namespace lineside
