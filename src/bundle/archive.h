#pragma once
// The archive inside an .lsb file: POSIX.1-1988 ustar in one canonical form. Each header is byte for byte the one that
// write_archive() makes for that name and size (mode 0644, owner 0, time 0), so there is nothing to smuggle: no links,
// no paths, no extensions, no second entry of a name, nothing between or behind.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lineside::bundle {

struct ArchiveEntry {
  std::string_view name;  // at most 99 characters
  std::span<const std::uint8_t> bytes;
};

std::vector<std::uint8_t> write_archive(std::span<const ArchiveEntry> entries);

struct ExpectedEntry {
  std::string_view name;
  std::size_t bytes_max = 0;
  bool required = true;  // only a last one may be missing
};

// The entries, as views into `archive`, in the order expected. Errors: bundle_invalid; `file` stands for the archive
// in messages.
Result<std::vector<ArchiveEntry>> read_archive(std::span<const std::uint8_t> archive,
                                               std::span<const ExpectedEntry> expected, std::string_view file);

}  // namespace lineside::bundle
