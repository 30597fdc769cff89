// WAV (RIFF WAVE, Microsoft and IBM 1991), NumPy .npy (format 1.0 to 3.0) and .npz (ZIP, PKWARE APPNOTE 6.3).
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <format>

#include "condition/inflate.h"
#include "condition/recording.h"

namespace lineside::condition {
namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::size_t kUnpackedMax = std::size_t{1} << 30, kChannelsMax = 256;

using Bytes = std::span<const std::uint8_t>;

template <class T>
T at(Bytes bytes, std::size_t offset) {  // the caller has checked the size
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::unexpected<Error> broken(std::string_view name, std::string_view what) {
  return fail(ErrorCode::file_format, std::format("{}: {}", name, what));
}

float pcm(Bytes bytes, std::size_t offset, int bits, bool is_float) {
  if (is_float && bits == 64) return static_cast<float>(at<double>(bytes, offset));
  if (is_float) return at<float>(bytes, offset);
  if (bits == 8) return (static_cast<float>(bytes[offset]) - 128.0F) / 128.0F;
  if (bits == 16) return static_cast<float>(at<std::int16_t>(bytes, offset)) / 32768.0F;
  if (bits == 24) {
    const std::uint32_t raw = bytes[offset] | (static_cast<std::uint32_t>(bytes[offset + 1]) << 8) |
                              (static_cast<std::uint32_t>(bytes[offset + 2]) << 16);
    return static_cast<float>(static_cast<std::int32_t>(raw << 8) >> 8) / 8388608.0F;
  }
  return static_cast<float>(at<std::int32_t>(bytes, offset)) / 2147483648.0F;
}

// The part of a .npy header after `key`, e.g. "'descr':".
std::string_view header_value(std::string_view header, std::string_view key) {
  const std::size_t found = header.find(key);
  if (found == std::string_view::npos) return {};
  header.remove_prefix(found + key.size());
  while (!header.empty() && (header.front() == ' ' || header.front() == ':')) header.remove_prefix(1);
  return header;
}

std::vector<std::size_t> shape_from(std::string_view text) {
  std::vector<std::size_t> shape;
  const std::size_t close = text.find(')');
  for (std::size_t i = 0; i < std::min(close, text.size());) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), value);
    if (error != std::errc{}) {
      ++i;
      continue;
    }
    shape.push_back(value);
    i = static_cast<std::size_t>(end - text.data());
  }
  return shape;
}

float element(Bytes data, std::size_t index, std::string_view type) {
  if (type == "f4") return at<float>(data, index * 4);
  if (type == "f8") return static_cast<float>(at<double>(data, index * 8));
  if (type == "i2") return at<std::int16_t>(data, index * 2);
  if (type == "u2") return at<std::uint16_t>(data, index * 2);
  if (type == "i4") return static_cast<float>(at<std::int32_t>(data, index * 4));
  if (type == "i8") return static_cast<float>(at<std::int64_t>(data, index * 8));
  if (type == "i1") return static_cast<float>(static_cast<std::int8_t>(data[index]));
  return static_cast<float>(data[index]);
}

// The longer side is time; `by_column`: elements of a column lie together.
Recording to_channels(Bytes data, std::size_t rows, std::size_t columns, bool by_column, std::string_view type) {
  const bool time_down = rows >= columns;
  const std::size_t samples = time_down ? rows : columns, channels = time_down ? columns : rows;
  Recording recording;
  for (std::size_t channel = 0; channel < channels; ++channel) {
    std::vector<float>& values = recording.channels.emplace_back(samples);
    for (std::size_t sample = 0; sample < samples; ++sample) {
      const std::size_t row = time_down ? sample : channel, column = time_down ? channel : sample;
      values[sample] = element(data, by_column ? column * rows + row : row * columns + column, type);
    }
    recording.names.push_back(std::to_string(channel + 1));
  }
  return recording;
}

}  // namespace

Result<Recording> parse_wav(Bytes bytes, std::string_view name) {
  const auto tag = [&](std::size_t offset) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()) + offset, 4);
  };
  if (bytes.size() < 44 || tag(0) != "RIFF" || tag(8) != "WAVE") return broken(name, "not a RIFF WAVE file");
  int format = 0, bits = 0;
  std::size_t channels = 0, rate = 0;
  for (std::size_t offset = 12; offset + 8 <= bytes.size();) {
    const std::size_t size = std::min<std::size_t>(at<std::uint32_t>(bytes, offset + 4), bytes.size() - offset - 8);
    const std::size_t body = offset + 8;
    if (tag(offset) == "fmt " && size >= 16) {
      format = at<std::uint16_t>(bytes, body), channels = at<std::uint16_t>(bytes, body + 2);
      rate = at<std::uint32_t>(bytes, body + 4), bits = at<std::uint16_t>(bytes, body + 14);
      if (format == 0xFFFE && size >= 26) format = at<std::uint16_t>(bytes, body + 24);  // extensible
    } else if (tag(offset) == "data") {
      const bool is_float = format == 3;
      const bool known = (format == 1 && (bits == 8 || bits == 16 || bits == 24 || bits == 32)) ||
                         (is_float && (bits == 32 || bits == 64));
      if (!known || channels == 0 || channels > kChannelsMax || rate == 0)
        return broken(name, "only PCM of 8, 16, 24 or 32 bits and float samples can be read");
      const std::size_t width = static_cast<std::size_t>(bits) / 8, samples = size / width / channels;
      Recording recording{.file = std::string(name), .stated_rate_hz = static_cast<double>(rate)};
      for (std::size_t channel = 0; channel < channels; ++channel) {
        std::vector<float>& values = recording.channels.emplace_back(samples);
        for (std::size_t i = 0; i < samples; ++i)
          values[i] = pcm(bytes, body + (i * channels + channel) * width, bits, is_float);
        recording.names.push_back(std::to_string(channel + 1));
      }
      if (samples == 0) return broken(name, "it holds no samples");
      return recording;
    }
    offset = body + size + (size & 1);
  }
  return broken(name, "it has no data chunk");
}

Result<Recording> parse_npy(Bytes bytes, std::string_view name) {
  if (bytes.size() < 12 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0) return broken(name, "not a NumPy file");
  const bool long_header = bytes[6] >= 2;
  const std::size_t start = long_header ? 12 : 10;
  const std::size_t length = long_header ? at<std::uint32_t>(bytes, 8) : at<std::uint16_t>(bytes, 8);
  if (length > bytes.size() - start) return broken(name, "it is cut off");
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + start, length);
  std::string_view type = header_value(header, "'descr'");
  if (type.size() < 5 || type.front() != '\'') return broken(name, "its element type can't be read");
  const char order = type[1];
  type = type.substr(2, 2);
  static constexpr std::string_view kTypes[] = {"f4", "f8", "i1", "u1", "i2", "u2", "i4", "i8"};
  if (order == '>' || !std::ranges::contains(kTypes, type))
    return broken(name, "only little-endian float32, float64 and integers can be read");
  const bool by_column = header_value(header, "'fortran_order'").starts_with("True");
  std::vector<std::size_t> shape = shape_from(header_value(header, "'shape'"));
  std::erase(shape, std::size_t{1});
  if (shape.empty() || shape.size() > 2) return broken(name, "it must hold one or two dimensions");
  if (shape.size() == 1) shape.push_back(1);
  const std::size_t width = static_cast<std::size_t>(type[1] - '0'), whole = (bytes.size() - start - length) / width;
  if (shape[0] == 0 || shape[1] == 0 || shape[0] > whole / shape[1] || std::min(shape[0], shape[1]) > kChannelsMax)
    return broken(name, "its shape does not fit its size, or it has more than 256 channels");
  Recording recording = to_channels(bytes.subspan(start + length), shape[0], shape[1], by_column, type);
  recording.file = name;
  return recording;
}

Result<Recording> parse_npz(Bytes bytes, std::string_view name) {
  // From the central directory, which is found by its end record.
  constexpr std::size_t kEnd = 22;
  if (bytes.size() < kEnd) return broken(name, "not a ZIP file");
  std::size_t end = bytes.size() - kEnd;
  while (end > 0 && at<std::uint32_t>(bytes, end) != 0x06054b50) --end;
  if (at<std::uint32_t>(bytes, end) != 0x06054b50) return broken(name, "not a ZIP file, or cut off");
  const std::size_t entries = at<std::uint16_t>(bytes, end + 10);
  std::size_t offset = at<std::uint32_t>(bytes, end + 16);
  Recording all{.file = std::string(name)};
  for (std::size_t i = 0; i < entries; ++i) {
    if (offset + 46 > bytes.size() || at<std::uint32_t>(bytes, offset) != 0x02014b50) return broken(name, "damaged");
    const std::size_t method = at<std::uint16_t>(bytes, offset + 10), packed = at<std::uint32_t>(bytes, offset + 20),
                      name_size = at<std::uint16_t>(bytes, offset + 28), local = at<std::uint32_t>(bytes, offset + 42);
    if (offset + 46 + name_size > bytes.size() || local + std::size_t{30} > bytes.size())
      return broken(name, "damaged");
    std::string entry(reinterpret_cast<const char*>(bytes.data()) + offset + 46, name_size);
    const std::size_t body = local + 30 + at<std::uint16_t>(bytes, local + 26) + at<std::uint16_t>(bytes, local + 28);
    if (body > bytes.size() || packed > bytes.size() - body) return broken(name, "damaged or over 4 GB");
    std::vector<std::uint8_t> unpacked;
    Bytes content = bytes.subspan(body, packed);
    if (method == 8) {
      LINESIDE_ASSIGN(unpacked, inflate(content, Packing::raw_deflate, kUnpackedMax, name));
      content = unpacked;
    }
    LINESIDE_ASSIGN(Recording part, parse_npy(content, std::format("{}:{}", name, entry)));
    if (entry.ends_with(".npy")) entry.resize(entry.size() - 4);
    // Arrays of another length than the longest are no channels of it.
    if (part.samples() > all.samples()) all.channels.clear(), all.names.clear();
    for (std::size_t c = 0; c < part.channels.size() && (all.channels.empty() || part.samples() == all.samples());
         ++c) {
      all.names.push_back(part.channels.size() == 1 ? entry : std::format("{}.{}", entry, c + 1));
      all.channels.push_back(std::move(part.channels[c]));
      if (c + 1 < part.channels.size() && part.channels[c + 1].size() != all.samples()) break;
    }
    offset +=
        std::size_t{46} + name_size + at<std::uint16_t>(bytes, offset + 30) + at<std::uint16_t>(bytes, offset + 32);
  }
  if (all.channels.empty()) return broken(name, "it holds no array");
  return all;
}

}  // namespace lineside::condition
