#include "bundle/archive.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <format>
#include <optional>

namespace lineside::bundle {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kEndBytes = 2 * kBlock;
constexpr std::size_t kSizeAt = 124, kSizeDigits = 11, kChecksumAt = 148;
using Header = std::array<char, kBlock>;

std::size_t padded(std::size_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

Header make_header(std::string_view name, std::size_t size) {
  Header header{};
  const auto put = [&](std::size_t at, std::string_view text) {
    std::memcpy(header.data() + at, text.data(), text.size());
  };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(kSizeAt, std::format("{:011o}", size));
  put(136, "00000000000");
  put(kChecksumAt, "        ");
  put(156, "0");
  put(257, "ustar");
  put(263, "00");
  unsigned sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  put(kChecksumAt, std::format("{:06o}", sum));
  header[kChecksumAt + 6] = '\0';
  return header;
}

std::optional<std::size_t> read_size(std::span<const std::uint8_t> header) {
  std::size_t size = 0;
  for (std::uint8_t c : header.subspan(kSizeAt, kSizeDigits)) {
    if (c < '0' || c > '7') return std::nullopt;
    size = size * 8 + (c - '0');
  }
  return size;
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

Result<ArchiveEntry> read_entry(std::span<const std::uint8_t>& rest, const ExpectedEntry& expected,
                                std::string_view file) {
  if (rest.size() < kBlock)
    return fail(ErrorCode::bundle_invalid, std::format("{} is cut off before {}", file, expected.name));
  const auto size = read_size(rest);
  if (!size || std::memcmp(make_header(expected.name, *size).data(), rest.data(), kBlock) != 0)
    return fail(
        ErrorCode::bundle_invalid,
        std::format("{} is not a model bundle: where {} should begin there is something else", file, expected.name));
  if (*size > expected.bytes_max)
    return fail(ErrorCode::bundle_invalid, std::format("{}: {} has {} bytes, at most {} are read", file, expected.name,
                                                       *size, expected.bytes_max));
  if (rest.size() - kBlock < padded(*size))
    return fail(ErrorCode::bundle_invalid, std::format("{} is cut off inside {}", file, expected.name));
  const ArchiveEntry entry{expected.name, rest.subspan(kBlock, *size)};
  if (!all_zero(rest.subspan(kBlock + *size, padded(*size) - *size)))
    return fail(ErrorCode::bundle_invalid, std::format("{}: there is something behind {}", file, expected.name));
  rest = rest.subspan(kBlock + padded(*size));
  return entry;
}

}  // namespace

std::vector<std::uint8_t> write_archive(std::span<const ArchiveEntry> entries) {
  std::vector<std::uint8_t> archive;
  for (const auto& entry : entries) {
    const Header header = make_header(entry.name, entry.bytes.size());
    archive.insert(archive.end(), header.begin(), header.end());
    archive.insert(archive.end(), entry.bytes.begin(), entry.bytes.end());
    archive.resize(padded(archive.size()), 0);
  }
  archive.resize(archive.size() + kEndBytes, 0);
  return archive;
}

Result<std::vector<ArchiveEntry>> read_archive(std::span<const std::uint8_t> archive,
                                               std::span<const ExpectedEntry> expected, std::string_view file) {
  std::vector<ArchiveEntry> entries;
  for (const auto& wanted : expected) {
    if (!wanted.required && archive.size() == kEndBytes && all_zero(archive)) break;
    LINESIDE_ASSIGN(const ArchiveEntry entry, read_entry(archive, wanted, file));
    entries.push_back(entry);
  }
  if (archive.size() < kEndBytes) return fail(ErrorCode::bundle_invalid, std::format("{} is cut off at its end", file));
  if (archive.size() != kEndBytes || !all_zero(archive))
    return fail(ErrorCode::bundle_invalid,
                std::format("{} holds more than a bundle's files: it is refused as a whole", file));
  return entries;
}

}  // namespace lineside::bundle
