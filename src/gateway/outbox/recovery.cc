#include "gateway/outbox/recovery.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <random>

#include "base/file.h"
#include "base/log.h"
#include "base/uuid.h"
#include "wire/batch.h"

namespace lineside::gateway {
namespace {

constexpr std::array kBothLanes{Lane::urgent, Lane::bulk};
constexpr std::uintmax_t kDeepCheckBytesMax = 64u << 20;  // SQLite's check reads everything: about a second for this
constexpr std::uint64_t kUnknownAhead = 65'536;           // the most that is ever reserved ahead
constexpr std::uint64_t kRowsPerCommit = 2000;

std::size_t index_of(Lane lane) { return static_cast<std::size_t>(lane); }

std::filesystem::path database_path(const std::filesystem::path& dir, unsigned number) {
  return dir / std::format("outbox-{:06}.db", number);
}

// The number in outbox-NNNNNN.db; 0: another file.
unsigned number_of(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (name.size() != 16 || !name.starts_with("outbox-") || !name.ends_with(".db")) return 0;
  unsigned number = 0;
  for (const char c : name.substr(7, 6)) {
    if (c < '0' || c > '9') return 0;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number;
}

void remove_database(const std::filesystem::path& path) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix, ignored);
}

// Half-written repairs, and databases that a repair has replaced.
void remove_leftovers(const std::filesystem::path& dir, const std::filesystem::path& keep) {
  std::error_code error;
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const bool other_database = number_of(entry.path()) != 0 && entry.path() != keep;
    if (other_database || entry.path().extension() == ".repair") old.push_back(entry.path());
  }
  for (const auto& path : old) remove_database(path);
}

std::uint64_t random_life() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32 | device()) | 1;
}

// Puts records into a new database, with loss records for what is missing between them.
class Copier {
 public:
  Copier(OutboxDatabase& to, const PerLane& shifted, Clock& clock) : to_(to), shifted_(shifted), clock_(clock) {}

  Result<void> take(Lane lane, const StoredRecord& stored, WallTime time) {
    const std::uint64_t shift = shifted_[index_of(lane)];
    if (stored.sequence <= shift) return {};  // acknowledged before
    const std::uint64_t sequence = stored.sequence - shift;
    std::uint64_t first = std::max(stored.first, shift + 1) - shift;
    const std::uint64_t next = to_.totals(lane).durable + 1;
    if (sequence < next) return {};
    if (rows_ % kRowsPerCommit == 0 && rows_ > 0) {
      LINESIDE_TRY(to_.commit());
      LINESIDE_TRY(to_.begin());
    }
    ++rows_;
    if (first > next) LINESIDE_TRY(lose(lane, next, first - 1));
    if (shift == 0 && first >= next) return to_.insert(lane, stored, time);
    auto record = wire::decode_record(stored.bytes);
    if (!record) return lose(lane, next, sequence);
    first = std::max(first, next);
    record->sequence = sequence;
    if (auto* loss = std::get_if<LossRecord>(&record->body)) loss->first = first, loss->last = sequence;
    return to_.insert(lane, {first, sequence, wire::encode_record(*record)}, time);
  }

  // Declares what is missing up to `last`.
  Result<void> reach(Lane lane, std::uint64_t last) {
    const std::uint64_t next = to_.totals(lane).durable + 1, end = last - std::min(last, shifted_[index_of(lane)]);
    return end < next ? Result<void>{} : lose(lane, next, end);
  }

  const PerLane& lost() const { return lost_; }

 private:
  Result<void> lose(Lane lane, std::uint64_t first, std::uint64_t last) {
    const WallTime now = clock_.wall();
    lost_[index_of(lane)] += last - first + 1;
    const LossRecord loss{lane, first, last, "outbox.damaged", now};
    return to_.insert(lane, {first, last, wire::encode_record({last, loss})}, now);
  }

  OutboxDatabase& to_;
  const PerLane shifted_;
  Clock& clock_;
  std::uint64_t rows_ = 0;
  PerLane lost_{};
};

struct Origin {
  std::string epoch;
  PerLane deleted{};
};

// Where a damaged database's lanes began: from itself, else from the reserve file.
Origin origin_of(const std::optional<OutboxDatabase>& from, const std::optional<Reservation>& known, Clock& clock) {
  if (from) return {from->epoch(), {from->totals(Lane::urgent).deleted, from->totals(Lane::bulk).deleted}};
  if (known) return {known->epoch, known->acknowledged};
  return {make_uuid(clock), {}};
}

// `whole`: the old database's end is believed; what of it can't be read is declared.
Result<PerLane> copy_into(OutboxDatabase& to, std::optional<OutboxDatabase>& from, const PerLane& shifted, bool whole,
                          Clock& clock) {
  if (!from) return PerLane{};
  Copier copier(to, shifted, clock);
  LINESIDE_TRY(to.begin());
  LINESIDE_TRY(from->salvage(
      [&](Lane lane, const StoredRecord& record, WallTime time) { return copier.take(lane, record, time); }));
  for (const Lane lane : kBothLanes)
    if (whole) LINESIDE_TRY(copier.reach(lane, from->totals(lane).durable));
  LINESIDE_TRY(to.commit());
  return copier.lost();
}

Top top_of(const std::filesystem::path& dir, const OutboxDatabase& database,
           const std::optional<Reservation>& reserve) {
  Top top{{database.totals(Lane::urgent).durable, database.totals(Lane::bulk).durable}, true};
  PerLane said{};
  if (reserve && reserve->epoch == database.epoch()) {
    const auto live = LiveCounter::left_behind(dir, reserve->life);
    said = live.value_or(reserve->reserved);
    top.exact = live.has_value();
  } else {
    for (std::size_t lane = 0; lane < kLanes; ++lane) said[lane] = top.handed_out[lane] + kUnknownAhead;
    top.exact = false;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) top.handed_out[lane] = std::max(top.handed_out[lane], said[lane]);
  return top;
}

struct Opened {
  std::filesystem::path path;
  OutboxDatabase database;
  PerLane lost{};
  bool was_damaged = false;
};

Result<OutboxDatabase> open_checked(const std::filesystem::path& path, bool clean) {
  LINESIDE_ASSIGN(OutboxDatabase database, OutboxDatabase::open(path));
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  LINESIDE_TRY(database.check(!clean && !error && size <= kDeepCheckBytesMax));
  return database;
}

// Made under another name first: a half-made database must not be taken for a damaged one.
template <class Fill>
Result<OutboxDatabase> make_database(const std::filesystem::path& target, const std::string& epoch, const PerLane& last,
                                     Fill&& fill) {
  const std::filesystem::path draft = target.string() + ".repair";
  remove_database(draft);
  {
    LINESIDE_ASSIGN(OutboxDatabase database, OutboxDatabase::create(draft, epoch, last));
    LINESIDE_TRY(fill(database));
  }  // closed: everything is in the main file now, the journal is gone
  std::error_code error;
  std::filesystem::rename(draft, target, error);
  if (error) return fail(ErrorCode::file_io, std::format("can't rename {}: {}", draft.string(), error.message()));
  return OutboxDatabase::open(target);
}

// Nothing there yet, or the database has been deleted. The reserve file comes first: a database without one would look
// like one whose reservation got lost.
Result<Opened> make_anew(const std::filesystem::path& dir, ReserveFile& reserve, Clock& clock) {
  if (!reserve.last()) LINESIDE_TRY(reserve.write({make_uuid(clock), 0, {}, {}}));
  const Reservation known = *reserve.last();
  const auto path = database_path(dir, 1);
  LINESIDE_ASSIGN(OutboxDatabase database,
                  make_database(path, known.epoch, known.acknowledged, [](OutboxDatabase&) { return Result<void>{}; }));
  return Opened{path, std::move(database), {}, known.reserved != PerLane{}};
}

Result<Opened> open_or_repair(const std::filesystem::path& dir, ReserveFile& reserve, Clock& clock) {
  const std::filesystem::path path = newest_database(dir);
  if (path.empty()) return make_anew(dir, reserve, clock);
  const std::optional<Reservation>& known = reserve.last();
  const bool clean = known && known->life == 0;
  auto database = open_checked(path, clean);
  if (database) return Opened{path, std::move(*database)};
  if (database.error().code != ErrorCode::database_damaged) return std::unexpected(database.error());
  log(LogLevel::error, "outbox", "the database is damaged; saving what can be read",
      {{"path", path.string()}, {"reason", database.error().message}});
  std::optional<OutboxDatabase> none_open;
  LINESIDE_ASSIGN(Rebuilt rebuilt, rebuild(path, known, clock, std::nullopt, none_open));
  return Opened{rebuilt.path, std::move(*rebuilt.database), rebuilt.lost, true};
}

}  // namespace

Result<FolderLock> FolderLock::take(const std::filesystem::path& dir) {
  const auto path = dir / "lock";
  FolderLock lock;
  lock.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock.fd_ < 0)
    return fail(ErrorCode::file_io, std::format("can't make {}: {}", path.string(), std::strerror(errno)));
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorCode::limit_reached,
                std::format("another process uses the outbox in {}; stop it first", dir.string()));
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::filesystem::path newest_database(const std::filesystem::path& dir) {
  std::filesystem::path newest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error))
    if (number_of(entry.path()) > number_of(newest)) newest = entry.path();
  return newest;
}

Result<PerLane> declare_tails(OutboxDatabase& database, const Top& top, std::string_view cause, Clock& clock) {
  PerLane lost{};
  LINESIDE_TRY(database.begin());
  for (const Lane lane : kBothLanes) {
    const std::uint64_t first = database.totals(lane).durable + 1, last = top.handed_out[index_of(lane)];
    if (last < first) continue;
    lost[index_of(lane)] = last - first + 1;
    const WallTime now = clock.wall();
    const LossRecord loss{lane, first, last, std::string(cause), now};
    if (auto put = database.insert(lane, {first, last, wire::encode_record({last, loss})}, now); !put) {
      database.rollback();
      return std::unexpected(put.error());
    }
  }
  if (auto committed = database.commit(); !committed) {
    database.rollback();
    return std::unexpected(committed.error());
  }
  return lost;
}

EventRecord damage_event(Clock& clock, std::uint64_t lost) {
  return outbox_event(
      clock, "outbox.damaged", Severity::high,
      std::format("The outbox was damaged and has been repaired; {} records are lost and declared", lost));
}

EventRecord files_deleted_event(Clock& clock) {
  return outbox_event(clock, "outbox.files_deleted", Severity::high,
                      "Files of the outbox were deleted while in use; they were written again");
}

EventRecord full_event(Clock& clock, Lane lane, std::uint64_t bytes_max) {
  return outbox_event(clock, "outbox.full", lane == Lane::urgent ? Severity::critical : Severity::high,
                      std::format("The {} lane's {} bytes are used up; the oldest records are declared lost",
                                  to_string(lane), bytes_max));
}

EventRecord outbox_event(Clock& clock, std::string type, Severity severity, std::string message) {
  return EventRecord{.id = make_uuid(clock),
                     .type = std::move(type),
                     .asset = "gateway",
                     .severity = severity,
                     .time = clock.wall(),
                     .message = std::move(message)};
}

Result<Rebuilt> rebuild(const std::filesystem::path& path, const std::optional<Reservation>& known, Clock& clock,
                        const std::optional<NewEpoch>& new_epoch, std::optional<OutboxDatabase>& open) {
  const auto dir = path.parent_path();
  const auto target = database_path(dir, number_of(path) + 1);
  std::optional<OutboxDatabase> from_file;
  if (!open) {
    auto opened = OutboxDatabase::open(path);
    if (opened) from_file.emplace(std::move(*opened));
    if (!opened && new_epoch) return std::unexpected(opened.error());  // to be repaired first
  }
  std::optional<OutboxDatabase>& from = open ? open : from_file;
  const Origin origin = origin_of(from, known, clock);
  PerLane lost{}, shifted{};
  for (std::size_t lane = 0; new_epoch && lane < kLanes; ++lane)
    shifted[lane] = std::max(origin.deleted[lane], new_epoch->acknowledged[lane]);
  auto database = make_database(target, new_epoch ? new_epoch->id : origin.epoch,
                                new_epoch ? PerLane{} : origin.deleted, [&](OutboxDatabase& to) -> Result<void> {
                                  LINESIDE_ASSIGN(lost, copy_into(to, from, shifted, new_epoch.has_value(), clock));
                                  return {};
                                });
  if (!database) {
    remove_database(target);  // it may be complete, and would be taken for the newest one
    return std::unexpected(database.error());
  }
  from.reset();
  if (!new_epoch) {
    std::error_code ignored;
    std::filesystem::rename(path, dir / "damaged.db", ignored);
  }
  remove_database(path);
  return Rebuilt{target, std::move(database).value(), lost, shifted};
}

Result<Recovered> recover(const std::filesystem::path& dir, Clock& clock) {
  LINESIDE_ASSIGN(ReserveFile reserve, ReserveFile::open(dir / "reserve"));
  LINESIDE_ASSIGN(Opened opened, open_or_repair(dir, reserve, clock));
  remove_leftovers(dir, opened.path);
  Recovered recovered{
      .path = opened.path, .database = std::move(opened.database), .reserve = std::move(reserve), .lost = opened.lost};
  OutboxDatabase& database = recovered.database;
  const Top top = top_of(dir, database, recovered.reserve.last());
  std::string_view cause = top.exact ? "gateway.killed" : "gateway.power_lost.at_most";
  if (opened.was_damaged) cause = top.exact ? "outbox.damaged" : "outbox.damaged.at_most";
  LINESIDE_ASSIGN(const PerLane tails, declare_tails(database, top, cause, clock));
  for (std::size_t lane = 0; lane < kLanes; ++lane) recovered.lost[lane] += tails[lane];
  const std::uint64_t lost = recovered.lost[0] + recovered.lost[1];
  if (opened.was_damaged)
    recovered.events.push_back(damage_event(clock, lost));
  else if (lost > 0)
    recovered.events.push_back(
        outbox_event(clock, "outbox.unclean_stop", Severity::medium,
                     std::format("The gateway was stopped at once; {}{} records are lost and declared",
                                 top.exact ? "" : "at most ", lost)));

  // In this order a crash anywhere here declares nothing that was never used: first the new life with nothing reserved.
  const PerLane last{database.totals(Lane::urgent).durable, database.totals(Lane::bulk).durable};
  recovered.life = random_life();
  LINESIDE_TRY(recovered.reserve.write({database.epoch(),
                                        recovered.life,
                                        last,
                                        {database.totals(Lane::urgent).deleted, database.totals(Lane::bulk).deleted}}));
  recovered.live = LiveCounter::open(dir);
  if (recovered.live)
    recovered.live->begin(recovered.life, last);
  else
    log(LogLevel::warning, "outbox", "no shared memory; after a kill the losses are declared as 'at most'");
  return recovered;
}

}  // namespace lineside::gateway
