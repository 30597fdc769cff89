#pragma once
// The outbox's SQLite file: records of both lanes in order, with running totals. Owner thread only.
//
// Invariant, kept by every transaction: the records of a lane, with the spans of its losses, cover every sequence from
// deleted + 1 to durable once. Each record carries a CRC-32 over its place and content, because SQLite does not
// notice a flipped bit inside a value.
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/sqlite.h"
#include "gateway/outbox/outbox.h"
#include "gateway/outbox/reservation.h"
#include "model/record.h"

namespace lineside::gateway {

struct LaneTotals {
  std::uint64_t durable = 0;  // last sequence on disk
  std::uint64_t deleted = 0;  // last sequence that was acknowledged and deleted
  std::uint64_t records = 0, bytes = 0;
};

// What one record costs of its lane's budget beside its bytes: row, key and page overhead, measured about 40.
inline constexpr std::uint64_t kRowBytes = 48;

class OutboxDatabase {
 public:
  // An existing file. Errors: database_damaged, database, disk_full.
  static Result<OutboxDatabase> open(const std::filesystem::path& path, bool read_only = false);
  // A new file that goes on in `epoch` after the given sequences; nothing of an earlier one may be at `path`.
  static Result<OutboxDatabase> create(const std::filesystem::path& path, const std::string& epoch,
                                       const PerLane& last_sequences);

  const std::string& epoch() const { return epoch_; }
  const LaneTotals& totals(Lane lane) const { return totals_[static_cast<std::size_t>(lane)]; }

  // Everything below happens between begin() and commit(); rollback() also brings the totals back.
  Result<void> begin();
  Result<void> commit();
  void rollback();
  // The record must continue the lane: first = durable + 1.
  Result<void> insert(Lane lane, const StoredRecord& record, WallTime time);
  // Deletes records up to `sequence`, at most about `rows_max` of them; a span that reaches beyond stays.
  Result<void> remove_through(Lane lane, std::uint64_t sequence, std::uint64_t rows_max);
  // Frees at least `bytes` of the lane (or all but one record), putting one loss record in the place of the oldest.
  // How many sequences that lost.
  Result<std::uint64_t> drop_oldest(Lane lane, std::uint64_t bytes, WallTime now);

  // Records after `after`, oldest first; at least one if there is one. Errors: database_damaged: a record's checksum is
  // wrong, or there is a hole after max(after, deleted).
  Result<std::vector<StoredRecord>> read(Lane lane, std::uint64_t after, std::size_t records_max,
                                         std::size_t bytes_max);
  // When the oldest record of the lane was put there.
  Result<std::optional<WallTime>> oldest(Lane lane);

  // Readers: from now on everything is seen as it is at this moment.
  Result<void> freeze();

  // SQLite's own check if `deep`, and that both lanes' ends and totals fit. Errors: database_damaged.
  Result<void> check(bool deep);

  // For saving what can be read: calls take(lane, record, time) for each good record in order, from both ends inwards
  // as far as the damage lets it. Stops at take's error. Never fails otherwise.
  template <class Take>
  Result<void> salvage(Take&& take);

 private:
  struct Row {
    std::int64_t key = 0;
    StoredRecord record;
    WallTime time{};
  };
  explicit OutboxDatabase(Database database) : database_(std::move(database)) {}
  static Result<OutboxDatabase> attach(const std::filesystem::path& path, bool read_only);
  Result<void> prepare(bool read_only);
  Result<void> load();
  Result<void> store_totals(Lane lane);
  static Result<Row> row_of(const Statement& statement, Lane lane);
  std::vector<std::int64_t> good_keys_from_end(Lane lane, std::int64_t down_to);
  Result<std::optional<Row>> row_at(std::int64_t key, Lane lane);
  Result<std::optional<Row>> row_after(std::int64_t key, Lane lane);

  Database database_;
  std::string epoch_;
  std::array<LaneTotals, kLanes> totals_, totals_before_;
  std::optional<Statement> insert_, remove_, remove_size_, walk_, select_, oldest_, save_totals_;
};

// The damage message and code in one place.
std::unexpected<Error> damaged(const std::string& what);

template <class Take>
Result<void> OutboxDatabase::salvage(Take&& take) {
  for (const Lane lane : {Lane::urgent, Lane::bulk}) {
    std::int64_t last_good = 0;
    for (;;) {
      auto row = row_after(last_good, lane);
      if (!row) row = row_after(last_good, lane);  // a disk that failed once is not damage yet
      if (!row || !*row) break;
      LINESIDE_TRY(take(lane, (*row)->record, (*row)->time));
      last_good = (*row)->key;
    }
    const auto keys = good_keys_from_end(lane, last_good);
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
      auto row = row_at(*key, lane);
      if (row && *row) LINESIDE_TRY(take(lane, (*row)->record, (*row)->time));
    }
  }
  return {};
}

}  // namespace lineside::gateway
