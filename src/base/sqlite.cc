#include "base/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

#include "base/file.h"

namespace lineside {
namespace {

constexpr int kBusyTimeoutMs = 5000;

std::string path_of(sqlite3* database) {
  const char* name = sqlite3_db_filename(database, "main");
  return name == nullptr || *name == '\0' ? "in-memory database" : name;
}

std::unexpected<Error> fail_sqlite(sqlite3* database, int code) {
  const int primary = code & 0xFF;
  ErrorCode kind = ErrorCode::database;
  if (primary == SQLITE_FULL) kind = ErrorCode::disk_full;
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) kind = ErrorCode::database_damaged;
  return fail(kind, std::format("{}: {} (SQLite {})", path_of(database), sqlite3_errmsg(database), code));
}

std::unexpected<Error> fail_planned(sqlite3* database, int system_errno) {
  return fail(system_errno == ENOSPC ? ErrorCode::disk_full : ErrorCode::database,
              std::format("{}: {}", path_of(database), std::strerror(system_errno)));
}

Result<void> run_sql(sqlite3* database, const std::string& sql) {
  const int code = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail_sqlite(database, sqlite3_extended_errcode(database));
  return {};
}

}  // namespace

Statement::Statement(sqlite3_stmt* statement, sqlite3* database) : statement_(statement), database_(database) {}

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)),
      database_(other.database_),
      bind_error_(other.bind_error_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  std::swap(database_, other.database_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind_integer(int index, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, index, value); code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind(int index, double value) {
  if (const int code = sqlite3_bind_double(statement_, index, value); code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();  // a null pointer would bind NULL
  const int code = sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind(int index, std::span<const std::uint8_t> blob) {
  const int code = blob.empty() ? sqlite3_bind_zeroblob(statement_, index, 0)
                                : sqlite3_bind_blob64(statement_, index, blob.data(), blob.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind_null(int index) {
  if (const int code = sqlite3_bind_null(statement_, index); code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Result<bool> Statement::step() {
  if (bind_error_ != 0)
    return fail(ErrorCode::internal, std::format("a value was bound where the statement has none (SQLite {}): {}",
                                                 std::exchange(bind_error_, 0), sqlite3_sql(statement_)));
  if (const int fault = planned_fault()) {
    reset();
    return fail_planned(database_, fault);
  }
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  auto failure = fail_sqlite(database_, code);
  reset();
  return failure;
}

Result<void> Statement::run() {
  for (;;) {
    LINESIDE_ASSIGN(const bool row, step());
    if (!row) return {};
  }
}

void Statement::reset() { sqlite3_reset(statement_); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::vector<std::uint8_t> Statement::blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, data + sqlite3_column_bytes(statement_, column)};
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

Result<Database> Database::open(const std::filesystem::path& path, Durability durability, bool read_only) {
  Database database;
  const int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &database.handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    if (read_only && !std::filesystem::exists(path))
      return fail(ErrorCode::file_not_found, std::format("there is no database {}", path.string()));
    return fail(ErrorCode::database, std::format("can't open {}: {}", path.string(), sqlite3_errmsg(database.handle_)));
  }
  sqlite3_extended_result_codes(database.handle_, 1);
  sqlite3_busy_timeout(database.handle_, kBusyTimeoutMs);
  LINESIDE_TRY(run_sql(database.handle_, "PRAGMA foreign_keys = ON"));
  if (read_only) {
    LINESIDE_TRY(run_sql(database.handle_, "SELECT 1 FROM sqlite_schema LIMIT 1"));  // is it a database at all?
  } else {
    LINESIDE_TRY(run_sql(database.handle_, "PRAGMA journal_mode = WAL"));
    const bool full = durability == Durability::full;
    LINESIDE_TRY(run_sql(database.handle_, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
  }
  return database;
}

Database::Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

Database::~Database() { sqlite3_close_v2(handle_); }

Result<void> Database::execute(std::string_view sql) {
  if (const int fault = planned_fault()) return fail_planned(handle_, fault);
  return run_sql(handle_, std::string(sql));
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return fail_sqlite(handle_, code);
  return Statement(statement, handle_);
}

Result<void> Database::begin() { return execute("BEGIN IMMEDIATE"); }

Result<void> Database::commit() { return execute("COMMIT"); }

void Database::rollback() {
  if (sqlite3_get_autocommit(handle_) == 0) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

bool Database::refused_values() const {
  const int primary = sqlite3_errcode(handle_) & 0xFF;
  return primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH || primary == SQLITE_TOOBIG;
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }

Result<void> Database::migrate(std::span<const std::string_view> migrations) {
  LINESIDE_ASSIGN(Statement version_query, prepare("PRAGMA user_version"));
  LINESIDE_TRY(version_query.step());
  const auto version = static_cast<std::size_t>(version_query.integer(0));
  version_query.reset();
  if (version > migrations.size())
    return fail(ErrorCode::database, std::format("{} has schema version {}, newer than the {} this program knows; use "
                                                 "the newer program",
                                                 path_of(handle_), version, migrations.size()));
  for (std::size_t next = version; next < migrations.size(); ++next) {
    LINESIDE_TRY(begin());
    auto done = execute(migrations[next]);
    if (done) done = execute(std::format("PRAGMA user_version = {}", next + 1));
    if (done) done = commit();
    if (!done) {
      rollback();
      return done;
    }
  }
  return {};
}

Result<void> Database::check_integrity() {
  LINESIDE_ASSIGN(Statement check, prepare("PRAGMA quick_check(1)"));
  LINESIDE_ASSIGN(const bool row, check.step());
  const std::string verdict = row ? check.text(0) : "no answer";
  check.reset();
  if (verdict != "ok")
    return fail(ErrorCode::database_damaged, std::format("{} is damaged: {}", path_of(handle_), verdict));
  return {};
}

}  // namespace lineside
