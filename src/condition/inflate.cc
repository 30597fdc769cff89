#include "condition/inflate.h"

#include <zlib.h>

#include <format>
#include <limits>

namespace lineside::condition {
namespace {

struct Stream {
  z_stream z{};
  bool open = false;
  ~Stream() {
    if (open) inflateEnd(&z);
  }
};

}  // namespace

Result<std::vector<std::uint8_t>> inflate(std::span<const std::uint8_t> packed, Packing packing, std::size_t bytes_max,
                                          std::string_view name) {
  if (packed.size() > std::numeric_limits<uInt>::max())
    return fail(ErrorCode::limit_reached, std::format("{} is too big to unpack", name));
  Stream stream;
  if (inflateInit2(&stream.z, packing == Packing::raw_deflate ? -MAX_WBITS : MAX_WBITS + 32) != Z_OK)
    return fail(ErrorCode::internal, "zlib can't be set up");
  stream.open = true;
  stream.z.next_in = const_cast<Bytef*>(packed.data());  // zlib's interface; it does not write there
  stream.z.avail_in = static_cast<uInt>(packed.size());
  std::vector<std::uint8_t> out;
  std::vector<std::uint8_t> chunk(std::size_t{1} << 18);
  for (;;) {
    stream.z.next_out = chunk.data();
    stream.z.avail_out = static_cast<uInt>(chunk.size());
    const int code = ::inflate(&stream.z, Z_NO_FLUSH);
    const std::size_t made = chunk.size() - stream.z.avail_out;
    if (out.size() + made > bytes_max)
      return fail(ErrorCode::limit_reached, std::format("{} unpacks to more than {} bytes", name, bytes_max));
    out.insert(out.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(made));
    if (code == Z_STREAM_END) {
      if (stream.z.avail_in == 0 || packing == Packing::raw_deflate) return out;
      if (inflateReset(&stream.z) != Z_OK) return out;
      continue;
    }
    if (code != Z_OK || (stream.z.avail_in == 0 && stream.z.avail_out != 0))
      return fail(ErrorCode::file_format, std::format("{}: the compressed data is damaged or cut off", name));
  }
}

}  // namespace lineside::condition
