#pragma once
// What was done to the plant, written down before it is done (law 10), so that it can be verified offline: lines of
// JSON in files of a folder, each line with the hash of all before it.
//
//   FOLDER/audit-000000000001.jsonl   named by the number of its first line; a new one begins at kFileBytes
//   {"n":1,"entry":{...},"hash":"..."}  hash: SHA-256 of the hash before ("0" 64 times at first), a line feed, the
//                                       number, a line feed and the bytes of the entry, in hex
//
// A line that was changed, left out, put in or moved, and a file that is missing, break the chain. That the newest
// lines were cut off, or that another chain took their place, can be seen against any head that is kept elsewhere: the
// gateway's events carry it to the hub. Nothing is ever deleted by the gateway.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace lineside::audit {

inline constexpr std::size_t kEntryBytesMax = 16'384;

// The newest line.
struct Head {
  std::uint64_t number = 0;  // 0: none yet
  std::string hash = std::string(64, '0');
  friend bool operator==(const Head&, const Head&) = default;
};
// "12:" and the first 16 digits of the hash: enough to recognise a line by.
std::string to_string(const Head& head);

// Where a gateway has it.
inline fs::path folder_in(const fs::path& data_dir) { return data_dir / "audit"; }

// Called with the number, hash and entry of each line, in order.
struct Line {
  Head head;
  std::string_view entry;
};
using EachLine = std::function<void(const Line&)>;

// Reads all and checks it. `torn` gets the bytes of an unfinished last line, which is no damage: a power cut leaves it,
// and what it would have announced was not done. Errors: file_format (which file and line does not fit), file_io. No
// folder: an empty head.
Result<Head> verify(const fs::path& folder, const EachLine& each, std::uint64_t* torn = nullptr);

// For people: verifies, and says so in a sentence. Errors: as verify(); file_format: none of the lines is `expected`
// (to_string() of a head; empty: nothing is looked for); file_not_found: a log that is not there is not an empty one.
Result<std::string> report(const fs::path& folder, const std::string& expected, const EachLine& each);

// Owner thread only. One process at a time has a folder.
class AuditLog {
 public:
  static constexpr std::uint64_t kFileBytes = 4'000'000;

  // Makes the folder, for its owner and group only, and reads what is there; an unfinished last line is cut off.
  // Errors: as verify(), disk_full.
  static Result<AuditLog> open(const fs::path& folder, const EachLine& each);

  // `entry`: one JSON object without line feeds. It is on disk when this returns; after an error it may
  // be there all the same.
  // Errors: disk_full, file_io (also: the file was deleted or replaced), limit_reached (kEntryBytesMax), usage.
  Result<Head> append(std::string_view entry);
  const Head& head() const { return head_; }

 private:
  AuditLog() = default;
  Result<void> open_file();

  fs::path folder_;
  Head head_;
  std::optional<AppendFile> file_;
};

}  // namespace lineside::audit
