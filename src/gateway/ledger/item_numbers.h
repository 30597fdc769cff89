#pragma once
// Numbers that are never given twice, not even after kill -9 or a power cut: they are reserved on disk in blocks ahead
// of use. After a clean stop counting goes on without a hole, after a kill with the next block.
//
// The file is 128 bytes, two records of 64, written in turn and in place, so that a torn write leaves the other one and
// a full disk does not matter: "lineside-items 1 LIMIT SUM" padded with blanks; every number below LIMIT may be used
// up.
#include <atomic>
#include <cstdint>
#include <filesystem>

#include "base/file.h"
#include "base/result.h"

namespace lineside::gateway {

class ItemNumbers {
 public:
  static constexpr std::uint64_t kBlock = 10'000;

  // `at_least`: the first number is not below it, whatever the file says (a file that was lost). Errors: file_io,
  // disk_full, file_format (both records damaged and at_least is 0).
  static Result<ItemNumbers> open(const std::filesystem::path& path, std::uint64_t at_least);
  ItemNumbers(ItemNumbers&& other) noexcept;
  ItemNumbers& operator=(ItemNumbers&&) = delete;
  ~ItemNumbers();

  // Any thread, wait-free. Goes on beyond the reserved block if the disk refuses: `overrun()` then says so.
  std::uint64_t next() { return next_.fetch_add(1, std::memory_order_relaxed); }
  bool overrun() const { return next_.load(std::memory_order_relaxed) > limit_.load(std::memory_order_relaxed); }

  // Owner thread, not the hot path: reserves the next block when half of this one is used. Errors: file_io, disk_full.
  Result<void> reserve_ahead();
  // Writes the file again if somebody has deleted it. True: it was missing. Errors: file_io, disk_full.
  Result<bool> mend();
  // The last thing: nothing is given out any more.
  Result<void> close();

 private:
  ItemNumbers() = default;
  Result<void> write(std::uint64_t limit);

  int fd_ = -1;
  std::filesystem::path path_;
  FileIdentity identity_;
  unsigned turn_ = 0;
  std::atomic<std::uint64_t> next_{1}, limit_{1};
};

}  // namespace lineside::gateway
