#include "vision/image_header.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace lineside::vision {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Reads numbers at offsets; past the end everything is 0 and ok() turns false.
class Reader {
 public:
  Reader(Bytes bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}
  std::uint32_t number(std::size_t at, int size) {
    if (at > bytes_.size() || bytes_.size() - at < static_cast<std::size_t>(size)) {
      ok_ = false;
      return 0;
    }
    std::uint32_t value = 0;
    for (int i = 0; i < size; ++i)
      value |= static_cast<std::uint32_t>(bytes_[at + static_cast<std::size_t>(i)])
               << (8 * (big_endian_ ? size - 1 - i : i));
    return value;
  }
  bool ok() const { return ok_; }

 private:
  Bytes bytes_;
  bool big_endian_, ok_ = true;
};

bool starts_with(Bytes bytes, std::string_view text, std::size_t at = 0) {
  return bytes.size() >= at + text.size() && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

// ITU-T T.81 annex B: segments of FF, a marker and a length, until start of scan (DA).
std::optional<ImageHeader> read_jpeg(Bytes bytes) {
  Reader reader(bytes, true);
  ImageHeader header{FileKind::jpeg};
  std::size_t at = 2;
  while (true) {
    while (reader.number(at, 1) == 0xFF && reader.number(at + 1, 1) == 0xFF) ++at;  // fill bytes
    const std::uint32_t marker = reader.number(at + 1, 1), length = reader.number(at + 2, 2);
    if (!reader.ok() || reader.number(at, 1) != 0xFF || length < 2) return std::nullopt;
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) {
      header.height = reader.number(at + 5, 2);
      header.width = reader.number(at + 7, 2);
    }
    at += 2 + length;
    if (marker == 0xDA) break;
  }
  if (!reader.ok() || header.width == 0) return std::nullopt;
  constexpr std::uint8_t kEnd[] = {0xFF, 0xD9};
  header.cut_off = at >= bytes.size() || memmem(bytes.data() + at, bytes.size() - at, kEnd, sizeof kEnd) == nullptr;
  return header;
}

// ISO/IEC 15948: IHDR is the first chunk, IEND the last.
std::optional<ImageHeader> read_png(Bytes bytes) {
  Reader reader(bytes, true);
  ImageHeader header{FileKind::png, reader.number(16, 4), reader.number(20, 4)};
  if (!reader.ok() || !starts_with(bytes, "IHDR", 12)) return std::nullopt;
  header.cut_off = memmem(bytes.data() + 24, bytes.size() - 24, "IEND", 4) == nullptr;
  return header;
}

std::optional<ImageHeader> read_bmp(Bytes bytes) {
  Reader reader(bytes, false);
  const std::uint32_t info_size = reader.number(14, 4);
  ImageHeader header{FileKind::bmp};
  if (info_size == 12) {
    header.width = reader.number(18, 2);
    header.height = reader.number(20, 2);
  } else {
    header.width = static_cast<std::int32_t>(reader.number(18, 4));
    header.height = std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(reader.number(22, 4))));
  }
  if (!reader.ok()) return std::nullopt;
  return header;
}

// TIFF 6.0: the first directory; tags 256 and 257 are width and height, as SHORT (3) or LONG (4).
std::optional<ImageHeader> read_tiff(Bytes bytes) {
  Reader reader(bytes, bytes[0] == 'M');
  const std::uint32_t directory = reader.number(4, 4), entries = reader.number(directory, 2);
  ImageHeader header{FileKind::tiff};
  for (std::uint32_t i = 0; i < entries && reader.ok(); ++i) {
    const std::size_t at = std::size_t{directory} + 2 + std::size_t{i} * 12;
    const std::uint32_t tag = reader.number(at, 2), type = reader.number(at + 2, 2);
    if (tag == 256) header.width = reader.number(at + 8, type == 3 ? 2 : 4);
    if (tag == 257) header.height = reader.number(at + 8, type == 3 ? 2 : 4);
  }
  if (!reader.ok()) return std::nullopt;
  return header;
}

// RFC 9649: a RIFF file whose first chunk is VP8, VP8L or VP8X.
std::optional<ImageHeader> read_webp(Bytes bytes) {
  Reader reader(bytes, false);
  ImageHeader header{FileKind::webp};
  if (starts_with(bytes, "VP8 ", 12)) {
    header.width = reader.number(26, 2) & 0x3FFF;
    header.height = reader.number(28, 2) & 0x3FFF;
  } else if (starts_with(bytes, "VP8L", 12)) {
    const std::uint32_t bits = reader.number(21, 4);
    header.width = (bits & 0x3FFF) + 1;
    header.height = ((bits >> 14) & 0x3FFF) + 1;
  } else if (starts_with(bytes, "VP8X", 12)) {
    header.width = reader.number(24, 3) + 1;
    header.height = reader.number(27, 3) + 1;
  }
  const std::size_t claimed = std::size_t{reader.number(4, 4)} + 8;
  if (!reader.ok()) return std::nullopt;
  header.cut_off = bytes.size() < claimed;
  return header;
}

std::optional<ImageHeader> read_any(Bytes bytes) {
  using std::string_view_literals::operator""sv;
  if (starts_with(bytes, "\xFF\xD8\xFF"sv)) return read_jpeg(bytes);
  if (starts_with(bytes, "\x89PNG\r\n\x1A\n"sv)) return read_png(bytes);
  if (starts_with(bytes, "BM"sv)) return read_bmp(bytes);
  if (starts_with(bytes, "II*\0"sv) || starts_with(bytes, "MM\0*"sv)) return read_tiff(bytes);
  if (starts_with(bytes, "RIFF"sv) && starts_with(bytes, "WEBP"sv, 8)) return read_webp(bytes);
  return std::nullopt;
}

}  // namespace

std::optional<ImageHeader> read_image_header(Bytes bytes) {
  auto header = read_any(bytes);
  if (header && (header->width < 1 || header->height < 1)) return std::nullopt;
  return header;
}

}  // namespace lineside::vision
