#include "telemetry/segments.h"

#include <array>
#include <format>

namespace lineside::telemetry {
namespace {

constexpr std::array<std::uint8_t, 4> kMagic{'L', 'S', 'F', 1};

// CRC-32 of ISO 3309 (as in gzip).
constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xedb88320U ^ value >> 1 : value >> 1;
    table[i] = value;
  }
  return table;
}();

std::uint32_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t value = 0xffffffffU;
  for (const std::uint8_t byte : bytes) value = kCrcTable[(value ^ byte) & 0xff] ^ value >> 8;
  return ~value;
}

}  // namespace

SegmentsWriter::SegmentsWriter(const Plan& plan) : bytes_(kMagic.begin(), kMagic.end()) { add(encode_plan(plan)); }

void SegmentsWriter::add(std::span<const std::uint8_t> block) {
  std::size_t length = block.size();
  for (; length >= 0x80; length >>= 7) bytes_.push_back(static_cast<std::uint8_t>(length | 0x80));
  bytes_.push_back(static_cast<std::uint8_t>(length));
  const std::uint32_t crc = checksum(block);
  for (int i = 0; i < 4; ++i) bytes_.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
  bytes_.insert(bytes_.end(), block.begin(), block.end());
}

Result<SegmentsReader> SegmentsReader::open(std::span<const std::uint8_t> bytes, std::string_view name) {
  SegmentsReader reader;
  reader.name_ = name;
  reader.rest_ = bytes;
  reader.size_ = bytes.size();
  if (bytes.size() < kMagic.size() || !std::ranges::equal(bytes.first(3), std::span(kMagic).first(3)))
    return fail(ErrorCode::file_format, std::format("{} was not written by `lineside filter`", name));
  if (bytes[3] != kMagic[3])
    return fail(ErrorCode::file_format,
                std::format("{} is of version {}, this program reads version {}; use the program "
                            "that wrote it, or a newer one",
                            name, bytes[3], kMagic[3]));
  reader.rest_ = bytes.subspan(kMagic.size());
  LINESIDE_ASSIGN(const auto header, reader.frame("the header"));
  auto plan = decode_plan(header);
  if (!plan) return fail(plan.error().code, std::format("{}: {}", name, plan.error().message));
  reader.plan_ = std::make_unique<Plan>(std::move(*plan));
  reader.codec_.emplace(*reader.plan_);
  return reader;
}

Result<std::span<const std::uint8_t>> SegmentsReader::frame(std::string_view what) {
  const std::size_t at = size_ - rest_.size();
  const auto damaged = [&](std::string_view why) {
    return fail(ErrorCode::file_format, std::format("{}: {} at byte {} {}; copy the file again", name_, what, at, why));
  };
  std::uint64_t length = 0;
  std::size_t digits = 0;
  for (bool more = true; more; ++digits) {
    if (digits == rest_.size()) return damaged("is cut off");
    if (digits == 8) return damaged("is damaged");
    length |= std::uint64_t{rest_[digits] & 0x7fU} << (7 * digits);
    more = (rest_[digits] & 0x80) != 0;
  }
  rest_ = rest_.subspan(digits);
  if (rest_.size() < 4 || length > rest_.size() - 4) return damaged("is cut off");
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < 4; ++i) crc |= std::uint32_t{rest_[i]} << (8 * i);
  const auto content = rest_.subspan(4, static_cast<std::size_t>(length));
  rest_ = rest_.subspan(4 + static_cast<std::size_t>(length));
  if (checksum(content) != crc) return damaged("is damaged: its checksum is wrong");
  return content;
}

Result<SegmentsReader::Block> SegmentsReader::next() {
  Block block{.first_row = row_};
  block.rows = static_cast<std::size_t>(std::min<std::uint64_t>(plan_->rows - row_, plan_->rows_per_block()));
  const std::string what = std::format("the block of rows from {}", row_ + 1);
  LINESIDE_ASSIGN(const auto content, frame(what));
  auto cells = codec_->decode(content, block.rows);
  if (!cells) return fail(cells.error().code, std::format("{}: {}: {}", name_, what, cells.error().message));
  block.cells = std::move(*cells);
  row_ += block.rows;
  if (done() && !rest_.empty())
    return fail(ErrorCode::file_format, std::format("{} has {} bytes behind its end", name_, rest_.size()));
  return block;
}

}  // namespace lineside::telemetry
