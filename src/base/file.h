#pragma once
// Files with errors as values, atomic replacement and a fault plan that makes the Nth operation fail (for tests).
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lineside {

namespace fs = std::filesystem;

// Errors: file_not_found, file_io, limit_reached when the file is larger than `bytes_max`.
Result<std::string> read_text(const fs::path& path, std::size_t bytes_max = 64u << 20);
Result<std::vector<std::uint8_t>> read_bytes(const fs::path& path, std::size_t bytes_max = 1u << 30);

// Writes to a neighbour, fsyncs it, renames it over `path` and fsyncs the folder: after a power cut the old or the new
// content is there, never a mixture. A link stays and its target is replaced; what is no file (/dev/null, a pipe) is
// written into and never replaced. `fill` hands the content over piece by piece; its error leaves the old content.
// Errors: disk_full, file_io, file_not_found (the folder), and those of `fill`.
using PutBytes = std::function<Result<void>(std::string_view)>;
Result<void> write_atomically(const fs::path& path, const std::function<Result<void>(const PutBytes&)>& fill,
                              unsigned mode = 0644);
Result<void> write_atomically(const fs::path& path, std::span<const std::uint8_t> content, unsigned mode = 0644);
Result<void> write_atomically(const fs::path& path, std::string_view content, unsigned mode = 0644);

// Append-only file. Owner thread only. append() writes all, or reports an error and leaves the file as it was before;
// sync() is fdatasync. Errors: disk_full, file_io.
// Which file is at a path: equal only for one and the same file. All 0: none, or nobody may look.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity identity_of(const fs::path& path);

class AppendFile {
 public:
  static Result<AppendFile> open(const fs::path& path);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();
  Result<void> append(std::string_view bytes);
  Result<void> sync();
  std::uint64_t size() const { return size_; }
  // Somebody has deleted, moved or replaced the file; what is appended goes where nobody finds it.
  bool gone() const { return identity_of(path_) != identity_; }
  // The content, also of a file that is gone, as a new file that is on disk when it returns. Errors: file_io,
  // disk_full.
  Result<void> copy_to(const fs::path& path) const;

 private:
  AppendFile() = default;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  fs::path path_;
  FileIdentity identity_;
};

// Tests only: while alive, the `nth` (from 0) write, sync, rename or SQLite step of this process fails with
// `system_errno`; with `forever` every later one as well. `operations()` counts, so that a loop can go on until nothing
// fails.
class FaultPlan {
 public:
  FaultPlan(std::uint64_t nth, int system_errno, bool forever = false);
  ~FaultPlan();
  FaultPlan(const FaultPlan&) = delete;
  FaultPlan& operator=(const FaultPlan&) = delete;
  std::uint64_t operations() const;
};

// 0, or the errno that the fault plan wants this operation to fail with. Called by the wrappers of this module.
int planned_fault();

}  // namespace lineside
