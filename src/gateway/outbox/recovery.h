#pragma once
// Opens the outbox folder whatever it was left like: after a clean stop, kill -9, power cut, with a damaged or missing
// database; declares in the lanes what is lost. docs/decisions/watermark-protocol.md says why the sums hold.
//
// The folder: outbox-NNNNNN.db (the highest number counts; a repair writes the next one), reserve, lock, and damaged.db
// (the last database that was given up, for an expert).
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/outbox/outbox_database.h"
#include "gateway/outbox/reservation.h"

namespace lineside::gateway {

// flock on dir/lock for as long as it lives.
class FolderLock {
 public:
  static Result<FolderLock> take(const std::filesystem::path& dir);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  FolderLock() = default;
  int fd_ = -1;
};

// The newest database file in the folder; empty: none.
std::filesystem::path newest_database(const std::filesystem::path& dir);

struct Recovered {
  std::filesystem::path path;
  OutboxDatabase database;
  ReserveFile reserve;
  std::optional<LiveCounter> live;
  std::uint64_t life = 0;
  PerLane lost{};                   // sequences declared lost now
  std::vector<EventRecord> events;  // what the hub should hear of: outbox.damaged, outbox.unclean_stop
};

// Errors: file_io, disk_full, database: this folder can't hold an outbox now.
Result<Recovered> recover(const std::filesystem::path& dir, Clock& clock);

struct Rebuilt {
  std::filesystem::path path;
  std::optional<OutboxDatabase> database;  // always there
  PerLane lost{};                          // sequences that could not be read, declared
  PerLane shifted{};                       // new sequence = old sequence - shifted
};

struct NewEpoch {
  std::string id;
  PerLane acknowledged{};  // records up to here stay behind
};

// Copies every good record of the database at `path` into a new file, which then replaces it; holes become loss records
// "outbox.damaged". With `new_epoch` the copy belongs to it and its sequences start from 1.
// `known` says where the lanes began and what epoch it was, if the file itself can't say. `open`: the database itself
// where it is open still though its file is gone; it is read instead of `path`, and closed only when all is copied.
Result<Rebuilt> rebuild(const std::filesystem::path& path, const std::optional<Reservation>& known, Clock& clock,
                        const std::optional<NewEpoch>& new_epoch, std::optional<OutboxDatabase>& open);

// How far the lanes have gone, and whether that is exact.
struct Top {
  PerLane handed_out{};
  bool exact = true;
};

// Declares what lies beyond the database's last records, up to `top`. How many sequences that is, for each lane.
Result<PerLane> declare_tails(OutboxDatabase& database, const Top& top, std::string_view cause, Clock& clock);

EventRecord damage_event(Clock& clock, std::uint64_t lost);
EventRecord files_deleted_event(Clock& clock);
EventRecord full_event(Clock& clock, Lane lane, std::uint64_t bytes_max);
EventRecord outbox_event(Clock& clock, std::string type, Severity severity, std::string message);

}  // namespace lineside::gateway
