#pragma once
// An endless text log in a bounded number of bytes: files NAME-00000001.tsv, NAME-00000002.tsv ..., of which the oldest
// are deleted. Owner thread only, but for tail().
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace lineside::gateway {

class RingFiles {
 public:
  // `bytes_max` of all files together (at least 64 KiB); each file takes an eighth of it and begins with `header`.
  // Files of an earlier run are taken over. Errors: file_io.
  static Result<RingFiles> open(const std::filesystem::path& dir, std::string name, std::uint64_t bytes_max,
                                std::string header);

  // Whole lines. On a full disk the oldest file is given up first, so that the newest lines are kept. Errors:
  // disk_full, file_io; nothing or a part of `lines` is then in the file, and the next append() begins a new one.
  Result<void> append(std::string_view lines);
  Result<void> sync();
  // Looks whether somebody has deleted files. The one being written is written again from what is still open, under the
  // next number; older ones are gone. True: some were missing. Errors: disk_full, file_io.
  Result<bool> mend();
  std::uint64_t bytes() const;

  // The last complete lines of these files, at most `lines_max` and 1 MiB of them, oldest first. Any thread.
  static std::vector<std::string> tail(const std::filesystem::path& dir, const std::string& name,
                                       std::size_t lines_max);

 private:
  struct Part {
    std::uint64_t number = 0, bytes = 0;
  };
  RingFiles() = default;
  std::filesystem::path path_of(std::uint64_t number) const;
  Result<void> begin_file();
  bool drop_oldest();
  void make_room(std::uint64_t bytes);

  std::filesystem::path dir_;
  std::string name_, header_;
  std::uint64_t bytes_max_ = 0, file_bytes_max_ = 0;
  std::deque<Part> parts_;  // the last one is being written if file_ is there
  std::optional<AppendFile> file_;
};

}  // namespace lineside::gateway
