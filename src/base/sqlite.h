#pragma once
// SQLite with errors as values. A Database belongs to one thread at a time (opened in SQLite's multi-thread mode).
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace lineside {

// A prepared statement. Bind from 1 on, step() until false, read columns from 0 on; reset() to run again.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();
  template <std::integral T>
  Statement& bind(int index, T value) {
    return bind_integer(index, static_cast<std::int64_t>(value));
  }
  Statement& bind(int index, double value);
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, std::span<const std::uint8_t> blob);
  Statement& bind_null(int index);
  Result<bool> step();  // true: a row is there; false: done (and reset). Errors: database, disk_full.
  Result<void> run();   // step to the end, ignore rows
  void reset();
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::vector<std::uint8_t> blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  Statement(sqlite3_stmt* statement, sqlite3* database);
  Statement& bind_integer(int index, std::int64_t value);
  sqlite3_stmt* statement_;
  sqlite3* database_;
  int bind_error_ = 0;
};

enum class Durability { full, normal };  // PRAGMA synchronous in WAL mode: FULL survives a power cut after each commit

class Database {
 public:
  // Opens or makes the file: WAL mode, foreign keys on, busy timeout 5 s. read_only needs an existing file.
  static Result<Database> open(const std::filesystem::path& path, Durability durability = Durability::full,
                               bool read_only = false);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  Result<void> execute(std::string_view sql);  // one or more statements without parameters
  Result<Statement> prepare(std::string_view sql);
  Result<void> begin();   // BEGIN IMMEDIATE
  Result<void> commit();  // after an error the transaction may still be open: roll it back
  void rollback();        // does nothing when no transaction is open
  std::int64_t last_insert_id() const;
  std::int64_t changes() const;
  // Was it the values (they break a rule of the table, or are too big) that the last statement failed for, and not the
  // storage? To be asked before anything else is done.
  bool refused_values() const;

  // Brings PRAGMA user_version to migrations.size() by running the missing ones, each in a transaction.
  Result<void> migrate(std::span<const std::string_view> migrations);
  Result<void> check_integrity();  // PRAGMA quick_check. Errors: database_damaged.

 private:
  Database() = default;
  sqlite3* handle_ = nullptr;
};

}  // namespace lineside
