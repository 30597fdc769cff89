#pragma once
// Whether a JPEG's data is whole. Decoders warn about damaged data and then give a picture all the same, part of which
// is gray or shifted: nothing that an item may be judged by.
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace lineside::vision {

// What libjpeg says is wrong; nothing: it decodes without loss. Reads all entropy-coded data but makes no full-size
// picture of it. Padding of a few bytes before a marker, which cheap cameras put there, is no
// damage. A flipped bit that happens to give other valid codes is not noticed: JPEG has no checksum. Any thread.
std::optional<std::string> jpeg_damage(std::span<const std::uint8_t> bytes);

}  // namespace lineside::vision
