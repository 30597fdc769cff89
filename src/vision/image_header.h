#pragma once
// How big a picture file claims to be, read from its first bytes without decoding anything.
#include <cstdint>
#include <optional>
#include <span>

namespace lineside::vision {

enum class FileKind : std::uint8_t { jpeg, png, bmp, tiff, webp };

struct ImageHeader {
  FileKind kind = FileKind::jpeg;
  std::int64_t width = 0, height = 0;
  bool cut_off = false;  // the end that this format must have is not there
};

// Nothing if it is none of the kinds or its header is damaged. Reads only inside `bytes`.
std::optional<ImageHeader> read_image_header(std::span<const std::uint8_t> bytes);

}  // namespace lineside::vision
