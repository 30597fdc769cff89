#pragma once
// Blocks of waveforms as bytes: a binary form for MQTT, TCP and UDP, and JSON for MQTT. docs/waveforms.md has every
// field. What comes is taken as untrusted: lengths are checked before memory is taken.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/api/waveform_source.h"

namespace lineside::gateway {

inline constexpr std::size_t kBlockHeaderBytes = 48;
inline constexpr std::size_t kBlockChannelsMax = 64, kBlockSamplesMax = 1u << 20, kBlockBytesMax = 16u << 20;
inline constexpr std::size_t kJsonBlockBytesMax = 2u << 20;  // its tree takes up to 30 times as much memory

enum class SampleFormat : std::uint8_t { f32 = 1, i16 = 2, i24 = 3 };

// How many bytes the block that begins here has, from its header alone, so that a stream can be cut into blocks.
// Errors: wire_invalid (no header of a block, or over the limits).
Result<std::size_t> block_bytes(std::span<const std::uint8_t> header);

// Exactly one block; `received` stays 0. Errors: wire_invalid (no block, over the limits, a time after kBlockTimeMax).
Result<WaveformBlock> parse_binary_block(std::span<const std::uint8_t> bytes);
Result<WaveformBlock> parse_json_block(std::string_view text);
// JSON if it begins with '{', else binary.
Result<WaveformBlock> parse_block(std::span<const std::uint8_t> bytes);

}  // namespace lineside::gateway
