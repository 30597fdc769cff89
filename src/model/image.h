#pragma once
// Pictures as plain memory: 8 bits per channel, interleaved rows.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lineside {

enum class PixelFormat : std::uint8_t { rgb8, gray8 };

constexpr int channels_of(PixelFormat format) { return format == PixelFormat::rgb8 ? 3 : 1; }

// Somebody else's pixels; valid as long as its giver says. Rows are `stride_bytes` apart.
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width = 0, height = 0, stride_bytes = 0;
  PixelFormat format = PixelFormat::rgb8;
};

// Pixels that it owns, rows without padding.
struct Image {
  int width = 0, height = 0;
  PixelFormat format = PixelFormat::rgb8;
  std::vector<std::uint8_t> pixels;

  ImageView view() const { return {pixels.data(), width, height, width * channels_of(format), format}; }
};

}  // namespace lineside
