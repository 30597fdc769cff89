// MATLAB level 5 MAT-files (MathWorks, "MAT-File Format", R2019b): numeric arrays, plain or compressed.
#include <algorithm>
#include <cstring>
#include <format>

#include "condition/inflate.h"
#include "condition/recording.h"

namespace lineside::condition {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeaderBytes = 128, kUnpackedMax = std::size_t{1} << 30, kChannelsMax = 256;
constexpr std::uint32_t kMatrix = 14, kCompressed = 15;

struct Element {
  std::uint32_t type = 0;
  Bytes data;
};

std::uint32_t word(Bytes bytes, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Takes the next element off `rest`; false if there is none that is whole. Small elements keep their data in the tag.
bool next(Bytes& rest, Element& element) {
  if (rest.size() < 8) return false;
  const std::uint32_t first = word(rest, 0);
  if (first >> 16 != 0) {
    const std::size_t size = first >> 16;
    if (size > 4) return false;
    element = {first & 0xFFFFU, rest.subspan(4, size)};
    rest = rest.subspan(8);
    return true;
  }
  const std::size_t size = word(rest, 4);
  if (size > rest.size() - 8) return false;
  element = {first, rest.subspan(8, size)};
  // Compressed elements are not padded.
  const std::size_t padded = first == kCompressed ? size : (size + 7) / 8 * 8;
  rest = rest.subspan(std::min(rest.size(), 8 + padded));
  return true;
}

template <class T>
void append(Bytes data, std::vector<float>& values) {
  for (std::size_t i = 0; i + sizeof(T) <= data.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, data.data() + i, sizeof value);
    values.push_back(static_cast<float>(value));
  }
}

bool numbers(const Element& element, std::vector<float>& values) {
  switch (element.type) {
    case 1:
      append<std::int8_t>(element.data, values);
      return true;
    case 2:
      append<std::uint8_t>(element.data, values);
      return true;
    case 3:
      append<std::int16_t>(element.data, values);
      return true;
    case 4:
      append<std::uint16_t>(element.data, values);
      return true;
    case 5:
      append<std::int32_t>(element.data, values);
      return true;
    case 6:
      append<std::uint32_t>(element.data, values);
      return true;
    case 7:
      append<float>(element.data, values);
      return true;
    case 9:
      append<double>(element.data, values);
      return true;
    case 12:
      append<std::int64_t>(element.data, values);
      return true;
    case 13:
      append<std::uint64_t>(element.data, values);
      return true;
    default:
      return false;
  }
}

// Adds the array's channels; arrays of another length than the longest so far are no channels beside it. Structures,
// cells, text and complex parts are passed over.
void add_matrix(Bytes content, Recording& recording) {
  Element flags, dimensions, name, data;
  if (!next(content, flags) || !next(content, dimensions) || !next(content, name) || !next(content, data)) return;
  if (flags.data.size() < 4 || dimensions.data.size() != 8) return;
  const std::uint32_t kind = flags.data[0];
  if (kind < 6 || kind > 15) return;  // mxDOUBLE_CLASS .. mxUINT64_CLASS
  const std::size_t rows = word(dimensions.data, 0), columns = word(dimensions.data, 4);
  std::vector<float> values;
  if (!numbers(data, values) || rows == 0 || columns == 0 || values.size() / rows != columns ||
      values.size() != rows * columns || std::min(rows, columns) > kChannelsMax)
    return;
  const bool time_down = rows >= columns;
  const std::size_t samples = time_down ? rows : columns, channels = time_down ? columns : rows;
  if (samples < 2 || samples < recording.samples()) return;
  if (samples > recording.samples()) recording.channels.clear(), recording.names.clear();
  const std::string label(reinterpret_cast<const char*>(name.data.data()), name.data.size());
  for (std::size_t c = 0; c < channels; ++c) {
    std::vector<float>& channel = recording.channels.emplace_back(samples);
    for (std::size_t i = 0; i < samples; ++i) channel[i] = values[time_down ? c * rows + i : i * rows + c];
    recording.names.push_back(channels == 1 ? label : std::format("{}.{}", label, c + 1));
  }
}

}  // namespace

Result<Recording> parse_mat(Bytes bytes, std::string_view name) {
  if (bytes.size() < kHeaderBytes || bytes[126] != 'I' || bytes[127] != 'M')
    return fail(ErrorCode::file_format,
                std::format("{}: not a MAT-file of version 5 with little-endian numbers (version 7.3 is HDF5: save it "
                            "with -v7)",
                            name));
  Recording recording{.file = std::string(name)};
  Bytes rest = bytes.subspan(kHeaderBytes);
  Element element;
  while (next(rest, element)) {
    std::vector<std::uint8_t> unpacked;
    if (element.type == kCompressed) {
      LINESIDE_ASSIGN(unpacked, inflate(element.data, Packing::zlib_or_gzip, kUnpackedMax, name));
      Bytes inner = unpacked;
      if (!next(inner, element)) continue;
    }
    if (element.type == kMatrix) add_matrix(element.data, recording);
  }
  if (recording.channels.empty())
    return fail(ErrorCode::file_format, std::format("{}: it holds no numeric array of two and more samples", name));
  return recording;
}

}  // namespace lineside::condition
