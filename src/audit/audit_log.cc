#include "audit/audit_log.h"

#include <algorithm>
#include <format>
#include <vector>

#include "base/number_text.h"
#include "bundle/digest.h"

namespace lineside::audit {
namespace {

constexpr std::string_view kBegin = "{\"n\":", kEntry = ",\"entry\":", kHash = ",\"hash\":\"", kEnd = "\"}";
constexpr unsigned kFileMode = 0640;
constexpr std::size_t kHexDigits = 64, kFileBytesMax = AuditLog::kFileBytes + kEntryBytesMax + 1000;

std::string hash_after(const Head& before, std::string_view entry) {
  return bundle::sha256_hex(bundle::bytes_of(std::format("{}\n{}\n{}", before.hash, before.number + 1, entry)));
}

fs::path file_of(const fs::path& folder, std::uint64_t first) {
  return folder / std::format("audit-{:012}.jsonl", first);
}

// The entry of a line that follows on `before`.
std::optional<std::string_view> entry_of(std::string_view line, const Head& before) {
  const std::string start = std::format("{}{}{}", kBegin, before.number + 1, kEntry);
  const std::size_t after = kHash.size() + kHexDigits + kEnd.size();
  if (line.size() < start.size() + after || !line.starts_with(start) || !line.ends_with(kEnd)) return std::nullopt;
  const std::string_view entry = line.substr(start.size(), line.size() - start.size() - after);
  const std::string_view tail = line.substr(line.size() - after);
  if (!tail.starts_with(kHash) || tail.substr(kHash.size(), kHexDigits) != hash_after(before, entry))
    return std::nullopt;
  return entry;
}

Result<std::vector<fs::path>> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  if (!fs::exists(folder, error)) return files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (const std::string name = entry->path().filename().string();
        name.starts_with("audit-") && name.ends_with(".jsonl"))
      files.push_back(entry->path());
  if (error) return fail(ErrorCode::file_io, std::format("can't read {}: {}", folder.string(), error.message()));
  std::ranges::sort(files);
  return files;
}

struct Reading {
  Head head;
  std::uint64_t torn = 0, whole = 0;  // bytes of the last file
  fs::path last;
};

Result<void> read_file(const fs::path& path, bool last, Reading& reading, const EachLine& each) {
  LINESIDE_ASSIGN(const std::string text, read_text(path, kFileBytesMax));
  if (path != file_of(path.parent_path(), reading.head.number + 1))
    return fail(ErrorCode::file_format, std::format("{}: the file that begins with line {} is missing before it",
                                                    path.string(), reading.head.number + 1));
  reading.last = path;
  reading.whole = 0;
  std::size_t in_file = 0;
  for (std::string_view left(text); !left.empty();) {
    const std::size_t end = left.find('\n');
    if (end == std::string_view::npos && last) {
      reading.torn = left.size();
      return {};
    }
    const auto entry = entry_of(left.substr(0, end), reading.head);
    ++in_file;
    if (!entry)
      return fail(ErrorCode::file_format,
                  std::format("{}:{}: the audit log was changed here: this line does not follow on line {}",
                              path.string(), in_file, reading.head.number));
    reading.head = {reading.head.number + 1, hash_after(reading.head, *entry)};
    if (each) each({reading.head, *entry});
    if (end == std::string_view::npos) return {};
    reading.whole += end + 1;
    left.remove_prefix(end + 1);
  }
  return {};
}

Result<Reading> read_all(const fs::path& folder, const EachLine& each) {
  LINESIDE_ASSIGN(const auto files, files_in(folder));
  Reading reading;
  for (const fs::path& file : files) LINESIDE_TRY(read_file(file, file == files.back(), reading, each));
  return reading;
}

}  // namespace

std::string to_string(const Head& head) { return std::format("{}:{}", head.number, head.hash.substr(0, 16)); }

Result<Head> verify(const fs::path& folder, const EachLine& each, std::uint64_t* torn) {
  LINESIDE_ASSIGN(const Reading reading, read_all(folder, each));
  if (torn != nullptr) *torn = reading.torn;
  return reading.head;
}

Result<std::string> report(const fs::path& folder, const std::string& expected, const EachLine& each) {
  if (!fs::exists(folder))
    return fail(ErrorCode::file_not_found,
                std::format("there is no audit log {}: the program that keeps it has not run yet, this is another's "
                            "folder, or the log was removed",
                            folder.string()));
  bool found = expected.empty();
  std::uint64_t torn = 0;
  const auto look = [&](const Line& line) {
    found = found || to_string(line.head) == expected;
    each(line);
  };
  LINESIDE_ASSIGN(const Head head, verify(folder, look, &torn));
  if (!found)
    return fail(ErrorCode::file_format,
                std::format("{} has no line {}: it was cut off, or is another log", folder.string(), expected));
  return std::format("{}: {} lines, each follows on the one before; the newest is {}{}", folder.string(), head.number,
                     to_string(head), torn > 0 ? "; an unfinished line at the end, which a power cut leaves" : "");
}

Result<AuditLog> AuditLog::open(const fs::path& folder, const EachLine& each) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec, error);
  if (error)
    return fail(ErrorCode::file_io, std::format("can't make the folder {}: {}", folder.string(), error.message()));
  LINESIDE_ASSIGN(const Reading reading, read_all(folder, each));
  if (reading.torn > 0) fs::resize_file(reading.last, reading.whole, error);
  if (error) return fail(ErrorCode::file_io, std::format("can't cut {}: {}", reading.last.string(), error.message()));
  AuditLog log;
  log.folder_ = folder;
  log.head_ = reading.head;
  if (reading.whole > 0 && reading.whole < kFileBytes) {
    LINESIDE_ASSIGN(log.file_, AppendFile::open(reading.last));
  }
  return log;
}

// An empty file may be there already: its first line was torn.
Result<void> AuditLog::open_file() {
  if (file_ && file_->gone())
    return fail(ErrorCode::file_io, std::format("the newest file of {} was deleted or replaced", folder_.string()));
  if (file_ && file_->size() < kFileBytes) return {};
  const fs::path path = file_of(folder_, head_.number + 1);
  LINESIDE_TRY(write_atomically(path, std::string_view{}, kFileMode));  // its name is on disk before its first line
  LINESIDE_ASSIGN(file_, AppendFile::open(path));
  return {};
}

Result<Head> AuditLog::append(std::string_view entry) {
  if (entry.size() > kEntryBytesMax)
    return fail(ErrorCode::limit_reached,
                std::format("an entry of {} bytes; {} are the most", entry.size(), kEntryBytesMax));
  if (entry.contains('\n')) return fail(ErrorCode::usage, "an entry is one line");
  LINESIDE_TRY(open_file());
  const Head next{head_.number + 1, hash_after(head_, entry)};
  LINESIDE_TRY(
      file_->append(std::format("{}{}{}{}{}{}{}\n", kBegin, next.number, kEntry, entry, kHash, next.hash, kEnd)));
  // What was appended and perhaps not kept is there after all for whoever reads on: so it counts.
  head_ = next;
  LINESIDE_TRY(file_->sync());
  return head_;
}

}  // namespace lineside::audit
