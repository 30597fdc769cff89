#include "gateway/ledger/item_numbers.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <format>
#include <optional>
#include <string>

#include "base/file.h"

namespace lineside::gateway {
namespace {

constexpr std::size_t kRecordBytes = 64;
constexpr char kFormat[] = "lineside-items 1";

std::uint32_t sum_of(std::string_view text) {  // FNV-1a
  std::uint32_t sum = 2166136261U;
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 16777619U;
  return sum;
}

std::string record_of(std::uint64_t limit) {
  const std::string text = std::format("{} {:020}", kFormat, limit);
  return std::format("{} {:08x}{:>{}}\n", text, sum_of(text), "", kRecordBytes - text.size() - 10);
}

std::optional<std::uint64_t> limit_of(std::string_view record) {
  constexpr std::size_t kTextBytes = sizeof kFormat + 20;
  if (record.size() < kRecordBytes) return std::nullopt;
  std::uint64_t limit = 0;
  for (const char c : record.substr(sizeof kFormat, 20)) limit = limit * 10 + static_cast<std::uint64_t>(c - '0');
  return record.substr(0, kRecordBytes) == record_of(limit) && kTextBytes < kRecordBytes ? std::optional{limit}
                                                                                         : std::nullopt;
}

std::unexpected<Error> failure(const std::filesystem::path& path, const char* what, int reason) {
  return fail(reason == ENOSPC ? ErrorCode::disk_full : ErrorCode::file_io,
              std::format("Can't {} {}: {}.", what, path.string(), std::strerror(reason)));
}

}  // namespace

Result<ItemNumbers> ItemNumbers::open(const std::filesystem::path& path, std::uint64_t at_least) {
  ItemNumbers numbers;
  numbers.path_ = path;
  numbers.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (numbers.fd_ < 0) return failure(path, "open", errno);
  numbers.identity_ = identity_of(path);
  std::array<char, 2 * kRecordBytes> content{};
  const ssize_t got = pread(numbers.fd_, content.data(), content.size(), 0);
  if (got < 0) return failure(path, "read", errno);
  std::optional<std::uint64_t> limit;
  const std::string_view text(content.data(), static_cast<std::size_t>(got));
  for (std::size_t at = 0; at + kRecordBytes <= text.size(); at += kRecordBytes)
    if (const auto one = limit_of(text.substr(at)); one && (!limit || *one > *limit)) {
      limit = one;
      numbers.turn_ = at == 0 ? 1 : 0;  // the other one is overwritten next
    }
  if (!limit && got > 0 && at_least == 0)
    return fail(ErrorCode::file_format,
                std::format("{} is damaged: the item numbers used so far are not known. Put it back from a backup, or "
                            "delete it and the ledger beside it to begin with item 1 again.",
                            path.string()));
  const std::uint64_t first = std::max({limit.value_or(1), at_least, std::uint64_t{1}});
  numbers.next_.store(first);
  LINESIDE_TRY(numbers.write(first + kBlock));
  return numbers;
}

ItemNumbers::ItemNumbers(ItemNumbers&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      identity_(other.identity_),
      turn_(other.turn_),
      next_(other.next_.load()),
      limit_(other.limit_.load()) {}

ItemNumbers::~ItemNumbers() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> ItemNumbers::write(std::uint64_t limit) {
  const std::string record = record_of(limit);
  if (const int planned = planned_fault(); planned != 0) return failure(path_, "write", planned);
  const auto wrote = pwrite(fd_, record.data(), record.size(), static_cast<off_t>(turn_ * kRecordBytes));
  if (wrote != static_cast<ssize_t>(record.size())) return failure(path_, "write", wrote < 0 ? errno : ENOSPC);
  if (fdatasync(fd_) != 0) return failure(path_, "sync", errno);
  turn_ = 1 - turn_;
  limit_.store(limit, std::memory_order_relaxed);
  return {};
}

Result<void> ItemNumbers::reserve_ahead() {
  const std::uint64_t next = next_.load(std::memory_order_relaxed);
  if (next + kBlock / 2 < limit_.load(std::memory_order_relaxed)) return {};
  return write(next + kBlock);
}

Result<bool> ItemNumbers::mend() {
  if (identity_of(path_) == identity_) return false;
  std::error_code ignored;
  std::filesystem::create_directories(path_.parent_path(), ignored);  // open() says why, if that was not possible
  const int again = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (again < 0) return failure(path_, "open", errno);
  ::close(std::exchange(fd_, again));
  turn_ = 0;
  LINESIDE_TRY(write(limit_.load(std::memory_order_relaxed)));
  identity_ = identity_of(path_);  // not before: what could not be written is missing still
  return true;
}

Result<void> ItemNumbers::close() {
  // Both records, because a reader takes the larger one.
  const std::uint64_t next = next_.load();
  LINESIDE_TRY(write(next));
  return write(next);
}

}  // namespace lineside::gateway
