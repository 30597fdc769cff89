#pragma once
// What the sources of Queries share. Only for them.
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/sqlite.h"
#include "hub/store/queries.h"

namespace lineside::hub {

struct Queries::State {
  Database database;

  // Runs `each` for every row of a statement that `bind` has filled.
  template <class Bind, class Each>
  Result<void> rows(std::string_view sql, Bind bind, Each each) {
    LINESIDE_ASSIGN(auto statement, database.prepare(sql));
    bind(statement);
    for (;;) {
      LINESIDE_ASSIGN(const bool row, statement.step());
      if (!row) return {};
      each(statement);
    }
  }
};

// How times and counts stand in the database.
inline std::int64_t to_ns(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime from_ns(std::int64_t ns) { return WallTime{std::chrono::nanoseconds{ns}}; }
inline std::uint64_t natural(std::int64_t value) { return value < 0 ? 0 : static_cast<std::uint64_t>(value); }

// The columns id, type, asset, severity, time_ns, message, evidence_json from `column` on.
EventRecord read_event(const Statement& row, int column);

}  // namespace lineside::hub
