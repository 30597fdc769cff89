#include "gateway/waveform/block_format.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <format>
#include <limits>
#include <nlohmann/json.hpp>

namespace lineside::gateway {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are little-endian and read as they are");

template <class T>
T at(std::span<const std::uint8_t> bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::size_t width_of(std::uint8_t format) {
  switch (static_cast<SampleFormat>(format)) {
    case SampleFormat::f32:
      return 4;
    case SampleFormat::i16:
      return 2;
    case SampleFormat::i24:
      return 3;
  }
  return 0;
}

// What is no number, or too large for one, is missing.
float number_or_missing(double value) {
  return std::abs(value) <= std::numeric_limits<float>::max() ? static_cast<float>(value)
                                                              : std::numeric_limits<float>::quiet_NaN();
}

float sample_at(const std::uint8_t* from, SampleFormat format, double scale) {
  switch (format) {
    case SampleFormat::f32: {
      float value;
      std::memcpy(&value, from, 4);
      return number_or_missing(value * scale);
    }
    case SampleFormat::i16: {
      std::int16_t value;
      std::memcpy(&value, from, 2);
      return number_or_missing(value * scale);
    }
    case SampleFormat::i24: {
      const std::uint32_t raw = from[0] | (from[1] << 8U) | (static_cast<std::uint32_t>(from[2]) << 16U);
      return number_or_missing((static_cast<std::int32_t>(raw << 8U) >> 8) * scale);
    }
  }
  return 0;
}

std::unexpected<Error> invalid(std::string what) { return fail(ErrorCode::wire_invalid, std::move(what)); }

Result<void> check_sizes(std::size_t channels, std::size_t samples, double rate_hz) {
  if (channels == 0 || channels > kBlockChannelsMax || samples == 0 || samples > kBlockSamplesMax)
    return invalid(std::format("a block of {} channels with {} samples each: 1 to {} and 1 to {} are allowed", channels,
                               samples, kBlockChannelsMax, kBlockSamplesMax));
  if (!std::isfinite(rate_hz) || rate_hz < 0 || rate_hz > 1e8) return invalid("a block's rate makes no sense");
  return {};
}

// What is above the largest int64 comes here as a negative number.
Result<WallTime> block_time(std::int64_t first_ns) {
  const WallTime time{nanoseconds{first_ns}};
  if (time < WallTime{} || time > kBlockTimeMax) return invalid("a block's time is not between 1970 and 2200");
  return time;
}

Result<void> read_json_channel(const nlohmann::json& values, WaveformBlock& block) {
  if (!values.is_array()) return invalid("a channel is no array of numbers");
  if (block.channels == 0) block.samples = values.size();
  if (values.size() != block.samples)
    return invalid(std::format("channels of {} and {} samples in one block", block.samples, values.size()));
  for (const auto& value : values) {
    if (!value.is_number() && !value.is_null()) return invalid("a sample is neither a number nor null");
    block.values.push_back(value.is_null() ? std::numeric_limits<float>::quiet_NaN()
                                           : number_or_missing(value.get<double>()));
  }
  ++block.channels;
  return check_sizes(block.channels, block.samples, block.rate_hz);
}

}  // namespace

Result<std::size_t> block_bytes(std::span<const std::uint8_t> header) {
  if (header.size() < kBlockHeaderBytes || std::memcmp(header.data(), "LSWB", 4) != 0)
    return invalid("this is no block of waveforms: it does not begin with LSWB");
  if (header[4] != 1) return invalid(std::format("a block of version {}; this gateway knows 1", header[4]));
  const std::size_t width = width_of(header[5]);
  if (width == 0) return invalid(std::format("a block of the unknown sample format {}", header[5]));
  const std::size_t channels = at<std::uint16_t>(header, 6), samples = at<std::uint32_t>(header, 8);
  LINESIDE_TRY(check_sizes(channels, samples, at<double>(header, 16)));
  const std::size_t bytes = kBlockHeaderBytes + channels * samples * width;
  if (bytes > kBlockBytesMax) return invalid(std::format("a block of {} bytes; {} are allowed", bytes, kBlockBytesMax));
  return bytes;
}

Result<WaveformBlock> parse_binary_block(std::span<const std::uint8_t> bytes) {
  LINESIDE_ASSIGN(const std::size_t expected, block_bytes(bytes));
  if (bytes.size() != expected)
    return invalid(std::format("a block of {} bytes whose header stands for {}", bytes.size(), expected));
  WaveformBlock block;
  block.channels = at<std::uint16_t>(bytes, 6);
  block.samples = at<std::uint32_t>(bytes, 8);
  block.sequence = at<std::uint32_t>(bytes, 12);
  block.rate_hz = at<double>(bytes, 16);
  LINESIDE_ASSIGN(block.first, block_time(at<std::int64_t>(bytes, 24)));
  const auto scale = at<double>(bytes, 32);
  if (!std::isfinite(scale) || scale == 0) return invalid("a block's scale is no number or 0");
  const auto format = static_cast<SampleFormat>(bytes[5]);
  const std::size_t width = width_of(bytes[5]);
  block.values.resize(block.channels * block.samples);
  const std::uint8_t* from = bytes.data() + kBlockHeaderBytes;
  for (std::size_t i = 0; i < block.samples; ++i)
    for (std::size_t c = 0; c < block.channels; ++c, from += width)
      block.values[c * block.samples + i] = sample_at(from, format, scale);
  block.raw_bytes = bytes.size();
  return block;
}

Result<WaveformBlock> parse_json_block(std::string_view text) {
  if (text.size() > kJsonBlockBytesMax)
    return invalid(std::format("a JSON block of {} bytes; {} are allowed: send shorter or binary ones", text.size(),
                               kJsonBlockBytesMax));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("channels")) return invalid("a JSON block is an object with `channels`");
  WaveformBlock block;
  const auto number = [&](const char* key) {
    return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 0.0;
  };
  block.rate_hz = number("rate_hz");
  if (json.contains("sequence") && json["sequence"].is_number_unsigned())
    block.sequence = json["sequence"].get<std::uint64_t>();
  if (json.contains("time_ns") && json["time_ns"].is_number_unsigned()) {
    LINESIDE_ASSIGN(block.first, block_time(json["time_ns"].get<std::int64_t>()));
  }
  const auto& channels = json["channels"];
  if (!channels.is_object() && !channels.is_array()) return invalid("`channels` is neither an object nor an array");
  for (const auto& [name, values] : channels.items()) {
    if (channels.is_object()) block.names.push_back(name);
    LINESIDE_TRY(read_json_channel(values, block));
  }
  LINESIDE_TRY(check_sizes(block.channels, block.samples, block.rate_hz));
  block.raw_bytes = text.size();
  return block;
}

Result<WaveformBlock> parse_block(std::span<const std::uint8_t> bytes) {
  if (!bytes.empty() && bytes.front() == '{')
    return parse_json_block({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return parse_binary_block(bytes);
}

}  // namespace lineside::gateway
