#include "gateway/outbox/outbox_database.h"

#include <zlib.h>

#include <format>

#include "wire/batch.h"

namespace lineside::gateway {
namespace {

constexpr std::string_view kSchema = R"sql(
CREATE TABLE outbox (epoch TEXT NOT NULL) STRICT;
CREATE TABLE lane (
  lane INTEGER PRIMARY KEY,
  durable INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  records INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE record (
  key INTEGER PRIMARY KEY,   -- lane * 2^57 + sequence
  first INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
)sql";
constexpr std::array<std::string_view, 1> kMigrations{kSchema};
constexpr std::int64_t kLaneStride = 1LL << 57;
static_assert(static_cast<std::uint64_t>(kLaneStride) > wire::kSequenceMax);

std::int64_t key_of(Lane lane, std::uint64_t sequence) {
  return static_cast<std::int64_t>(lane) * kLaneStride + static_cast<std::int64_t>(sequence);
}

std::int64_t checksum_of(std::int64_t key, std::uint64_t first, std::span<const std::uint8_t> bytes) {
  uLong sum = crc32(0, reinterpret_cast<const Bytef*>(&key), sizeof key);
  sum = crc32(sum, reinterpret_cast<const Bytef*>(&first), sizeof first);
  sum = crc32(sum, bytes.data(), static_cast<uInt>(bytes.size()));
  return static_cast<std::int64_t>(sum);
}

std::int64_t count_ns(WallTime time) { return time.time_since_epoch().count(); }

constexpr std::string_view kColumns = "key, first, time_ns, checksum, bytes";

}  // namespace

std::unexpected<Error> damaged(const std::string& what) {
  return fail(ErrorCode::database_damaged, "the outbox is damaged: " + what);
}

Result<OutboxDatabase> OutboxDatabase::attach(const std::filesystem::path& path, bool read_only) {
  LINESIDE_ASSIGN(Database database, Database::open(path, Durability::full, read_only));
  return OutboxDatabase(std::move(database));
}

Result<OutboxDatabase> OutboxDatabase::open(const std::filesystem::path& path, bool read_only) {
  LINESIDE_ASSIGN(OutboxDatabase outbox, attach(path, read_only));
  LINESIDE_TRY(outbox.load());
  LINESIDE_TRY(outbox.prepare(read_only));
  return outbox;
}

Result<OutboxDatabase> OutboxDatabase::create(const std::filesystem::path& path, const std::string& epoch,
                                              const PerLane& last_sequences) {
  LINESIDE_ASSIGN(OutboxDatabase outbox, attach(path, false));
  LINESIDE_TRY(outbox.database_.migrate(kMigrations));
  LINESIDE_TRY(outbox.database_.begin());
  LINESIDE_ASSIGN(Statement name, outbox.database_.prepare("INSERT INTO outbox VALUES (?)"));
  LINESIDE_TRY(name.bind(1, std::string_view(epoch)).run());
  LINESIDE_ASSIGN(Statement start, outbox.database_.prepare("INSERT INTO lane VALUES (?, ?, ?, 0, 0)"));
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    start.bind(1, static_cast<std::int64_t>(lane));
    start.bind(2, static_cast<std::int64_t>(last_sequences[lane]));
    start.bind(3, static_cast<std::int64_t>(last_sequences[lane]));
    LINESIDE_TRY(start.run());
  }
  LINESIDE_TRY(outbox.database_.commit());
  LINESIDE_TRY(outbox.load());
  LINESIDE_TRY(outbox.prepare(false));
  return outbox;
}

Result<void> OutboxDatabase::prepare(bool read_only) {
  const auto make = [&](std::optional<Statement>& statement, const std::string& sql) -> Result<void> {
    LINESIDE_ASSIGN(statement, database_.prepare(sql));
    return {};
  };
  LINESIDE_TRY(make(select_, std::format("SELECT {} FROM record WHERE key = ?", kColumns)));
  LINESIDE_TRY(
      make(walk_, std::format("SELECT {} FROM record WHERE key > ? AND key < ? ORDER BY key LIMIT ?", kColumns)));
  LINESIDE_TRY(make(oldest_, "SELECT time_ns FROM record WHERE key > ? AND key < ? ORDER BY key LIMIT 1"));
  if (read_only) return {};
  LINESIDE_TRY(database_.execute("PRAGMA journal_size_limit = 16777216"));
  LINESIDE_TRY(make(insert_, "INSERT INTO record (key, first, time_ns, checksum, bytes) VALUES (?, ?, ?, ?, ?)"));
  LINESIDE_TRY(make(remove_size_,
                    "SELECT count(*), coalesce(sum(length(bytes)), 0), max(key) FROM (SELECT key, bytes FROM record "
                    "WHERE key > ? AND key <= ? ORDER BY key LIMIT ?)"));
  LINESIDE_TRY(make(remove_, "DELETE FROM record WHERE key > ? AND key <= ?"));
  return make(save_totals_, "UPDATE lane SET durable = ?, deleted = ?, records = ?, bytes = ? WHERE lane = ?");
}

Result<void> OutboxDatabase::load() {
  LINESIDE_ASSIGN(Statement tables,
                  database_.prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name "
                                    "IN ('outbox', 'lane', 'record')"));
  LINESIDE_TRY(tables.step());
  if (tables.integer(0) != 3) return damaged("its tables are missing");
  tables.reset();
  LINESIDE_ASSIGN(Statement name, database_.prepare("SELECT epoch FROM outbox"));
  LINESIDE_ASSIGN(const bool named, name.step());
  if (!named) return damaged("it has no epoch");
  epoch_ = name.text(0);
  name.reset();
  LINESIDE_ASSIGN(Statement lanes,
                  database_.prepare("SELECT durable, deleted, records, bytes FROM lane ORDER BY lane"));
  for (LaneTotals& totals : totals_) {
    LINESIDE_ASSIGN(const bool row, lanes.step());
    if (!row) return damaged("a lane is missing");
    const auto number = [&](int column) { return static_cast<std::uint64_t>(lanes.integer(column)); };
    totals = {number(0), number(1), number(2), number(3)};
  }
  lanes.reset();
  return {};
}

Result<void> OutboxDatabase::begin() {
  totals_before_ = totals_;
  return database_.begin();
}

Result<void> OutboxDatabase::freeze() {
  LINESIDE_TRY(database_.execute("BEGIN"));  // ends with the connection
  return load();
}

Result<void> OutboxDatabase::commit() {
  for (const Lane lane : {Lane::urgent, Lane::bulk}) LINESIDE_TRY(store_totals(lane));
  return database_.commit();
}

void OutboxDatabase::rollback() {
  database_.rollback();
  totals_ = totals_before_;
}

Result<void> OutboxDatabase::store_totals(Lane lane) {
  const LaneTotals& totals = totals_[static_cast<std::size_t>(lane)];
  save_totals_->bind(1, static_cast<std::int64_t>(totals.durable));
  save_totals_->bind(2, static_cast<std::int64_t>(totals.deleted));
  save_totals_->bind(3, static_cast<std::int64_t>(totals.records));
  save_totals_->bind(4, static_cast<std::int64_t>(totals.bytes));
  save_totals_->bind(5, static_cast<std::int64_t>(lane));
  return save_totals_->run();
}

Result<void> OutboxDatabase::insert(Lane lane, const StoredRecord& record, WallTime time) {
  LaneTotals& totals = totals_[static_cast<std::size_t>(lane)];
  if (record.first != totals.durable + 1 || record.sequence < record.first)
    return fail(ErrorCode::internal, std::format("sequence {} does not continue the {} lane after {}", record.first,
                                                 to_string(lane), totals.durable));
  const std::int64_t key = key_of(lane, record.sequence);
  insert_->bind(1, key);
  insert_->bind(2, static_cast<std::int64_t>(record.first));
  insert_->bind(3, count_ns(time));
  insert_->bind(4, checksum_of(key, record.first, record.bytes));
  insert_->bind(5, std::span<const std::uint8_t>(record.bytes));
  LINESIDE_TRY(insert_->run());
  totals.durable = record.sequence;
  ++totals.records;
  totals.bytes += record.bytes.size() + kRowBytes;
  return {};
}

Result<void> OutboxDatabase::remove_through(Lane lane, std::uint64_t sequence, std::uint64_t rows_max) {
  LaneTotals& totals = totals_[static_cast<std::size_t>(lane)];
  sequence = std::min(sequence, totals.durable);
  if (sequence <= totals.deleted) return {};
  const std::int64_t from = key_of(lane, totals.deleted);
  remove_size_->bind(1, from).bind(2, key_of(lane, sequence)).bind(3, static_cast<std::int64_t>(rows_max));
  LINESIDE_TRY(remove_size_->step());
  const auto rows = static_cast<std::uint64_t>(remove_size_->integer(0));
  const auto bytes = static_cast<std::uint64_t>(remove_size_->integer(1)) + rows * kRowBytes;
  // With nothing to delete the watermark stands inside the span of a loss.
  const std::int64_t to = rows == 0 ? from : remove_size_->integer(2);
  remove_size_->reset();
  LINESIDE_TRY(remove_->bind(1, from).bind(2, to).run());
  totals.deleted = rows < rows_max ? sequence : static_cast<std::uint64_t>(to - key_of(lane, 0));
  totals.records -= std::min(rows, totals.records);
  totals.bytes -= std::min(bytes, totals.bytes);
  return {};
}

Result<std::uint64_t> OutboxDatabase::drop_oldest(Lane lane, std::uint64_t bytes, WallTime now) {
  LaneTotals& totals = totals_[static_cast<std::size_t>(lane)];
  const std::int64_t from = key_of(lane, totals.deleted), end = key_of(lane, wire::kSequenceMax);
  std::uint64_t freed = 0, rows = 0, lost = 0;
  std::uint64_t last = totals.deleted;
  bool exact = true;
  walk_->bind(1, from).bind(2, end).bind(3, std::int64_t{-1});
  while (freed < bytes && rows + 1 < totals.records) {
    LINESIDE_ASSIGN(const bool more, walk_->step());
    if (!more) break;
    auto row = row_of(*walk_, lane);
    if (!row) {
      walk_->reset();
      return std::unexpected(row.error());
    }
    auto record = wire::decode_record(row->record.bytes);
    const auto* loss = record ? std::get_if<LossRecord>(&record->body) : nullptr;
    if (loss == nullptr)
      ++lost;  // what a loss record explains is lost already
    else
      exact = exact && !loss->cause.ends_with(".at_most");
    freed += row->record.bytes.size() + kRowBytes;
    last = row->record.sequence;
    ++rows;
  }
  walk_->reset();
  if (rows == 0) return std::uint64_t{0};
  LINESIDE_TRY(remove_->bind(1, from).bind(2, key_of(lane, last)).run());
  const std::uint64_t first = totals.deleted + 1;
  const LossRecord loss{lane, first, last, exact ? "outbox.full" : "outbox.full.at_most", now};
  const StoredRecord stored{first, last, wire::encode_record({last, loss})};
  const LaneTotals after = totals;
  totals.durable = first - 1;  // the loss record takes the place of what went
  LINESIDE_TRY(insert(lane, stored, now));
  totals.durable = after.durable;
  totals.records = after.records - rows + 1;
  totals.bytes = after.bytes - std::min(after.bytes, freed) + stored.bytes.size() + kRowBytes;
  return lost;
}

Result<OutboxDatabase::Row> OutboxDatabase::row_of(const Statement& statement, Lane lane) {
  Row row{.key = statement.integer(0),
          .record = {.first = static_cast<std::uint64_t>(statement.integer(1)),
                     .sequence = static_cast<std::uint64_t>(statement.integer(0) - key_of(lane, 0)),
                     .bytes = statement.blob(4)},
          .time = WallTime{nanoseconds{statement.integer(2)}}};
  if (statement.integer(3) != checksum_of(row.key, row.record.first, row.record.bytes))
    return damaged(std::format("wrong checksum of sequence {} in the {} lane", row.record.sequence, to_string(lane)));
  return row;
}

Result<std::vector<StoredRecord>> OutboxDatabase::read(Lane lane, std::uint64_t after, std::size_t records_max,
                                                       std::size_t bytes_max) {
  std::vector<StoredRecord> records;
  std::size_t bytes = 0;
  walk_->bind(1, key_of(lane, after)).bind(2, key_of(lane, wire::kSequenceMax));
  walk_->bind(3, static_cast<std::int64_t>(records_max));
  for (;;) {
    auto more = walk_->step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return records;
    auto row = row_of(*walk_, lane);
    const std::uint64_t expected = records.empty() ? after + 1 : records.back().sequence + 1;
    const bool joined = row && (row->record.first == expected || (records.empty() && row->record.first < expected));
    bytes += row ? row->record.bytes.size() : 0;
    if (!joined || (!records.empty() && bytes > bytes_max)) walk_->reset();
    if (!row) return std::unexpected(row.error());
    if (!joined) return damaged(std::format("sequence {} of the {} lane is missing", expected, to_string(lane)));
    if (!records.empty() && bytes > bytes_max) return records;
    records.push_back(std::move(row->record));
  }
}

Result<std::optional<WallTime>> OutboxDatabase::oldest(Lane lane) {
  oldest_->bind(1, key_of(lane, 0)).bind(2, key_of(lane, wire::kSequenceMax));
  LINESIDE_ASSIGN(const bool row, oldest_->step());
  std::optional<WallTime> time;
  if (row) time = WallTime{nanoseconds{oldest_->integer(0)}};
  oldest_->reset();
  return time;
}

Result<void> OutboxDatabase::check(bool deep) {
  if (deep) LINESIDE_TRY(database_.check_integrity());
  // Each end by itself: asked for both at once, SQLite reads every record between them.
  LINESIDE_ASSIGN(Statement ends, database_.prepare("SELECT (SELECT min(key) FROM record WHERE key > ?1 AND key < ?2), "
                                                    "(SELECT max(key) FROM record WHERE key > ?1 AND key < ?2)"));
  for (const Lane lane : {Lane::urgent, Lane::bulk}) {
    const LaneTotals& lane_totals = totals(lane);
    if (lane_totals.deleted > lane_totals.durable || lane_totals.durable > wire::kSequenceMax)
      return damaged("the totals do not fit");
    ends.bind(1, key_of(lane, 0)).bind(2, key_of(lane, wire::kSequenceMax) + 1);
    LINESIDE_TRY(ends.step());
    const bool empty = ends.is_null(0);
    const std::int64_t first_key = ends.integer(0), last_key = ends.integer(1);
    ends.reset();
    if (empty != (lane_totals.durable == lane_totals.deleted)) return damaged("the totals do not fit the records");
    if (empty) continue;
    if (last_key != key_of(lane, lane_totals.durable)) return damaged("the newest record is missing");
    LINESIDE_ASSIGN(const auto head, row_at(first_key, lane));
    if (!head || head->record.first > lane_totals.deleted + 1) return damaged("the oldest record is missing");
  }
  return {};
}

Result<std::optional<OutboxDatabase::Row>> OutboxDatabase::row_at(std::int64_t key, Lane lane) {
  LINESIDE_ASSIGN(const bool found, select_->bind(1, key).step());
  if (!found) return std::optional<Row>{};
  auto row = row_of(*select_, lane);
  select_->reset();
  if (!row) return std::unexpected(row.error());
  return std::optional<Row>(std::move(*row));
}

Result<std::optional<OutboxDatabase::Row>> OutboxDatabase::row_after(std::int64_t key, Lane lane) {
  walk_->bind(1, std::max(key, key_of(lane, 0))).bind(2, key_of(lane, wire::kSequenceMax)).bind(3, std::int64_t{1});
  LINESIDE_ASSIGN(const bool found, walk_->step());
  if (!found) return std::optional<Row>{};
  auto row = row_of(*walk_, lane);
  walk_->reset();
  if (!row) return std::unexpected(row.error());
  return std::optional<Row>(std::move(*row));
}

std::vector<std::int64_t> OutboxDatabase::good_keys_from_end(Lane lane, std::int64_t down_to) {
  std::vector<std::int64_t> keys;
  auto walk =
      database_.prepare(std::format("SELECT {} FROM record WHERE key > ? AND key < ? ORDER BY key DESC", kColumns));
  if (!walk) return keys;
  walk->bind(1, std::max(down_to, key_of(lane, 0))).bind(2, key_of(lane, wire::kSequenceMax) + 1);
  for (;;) {
    const auto more = walk->step();
    if (!more || !*more) return keys;
    if (row_of(*walk, lane)) keys.push_back(walk->integer(0));
  }
}

}  // namespace lineside::gateway
