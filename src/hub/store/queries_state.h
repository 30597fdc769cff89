#pragma once
// What the sources of Queries share. Only for them.
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

// The columns id, type, asset, severity, time_ns, message, evidence_json from `column` on.
EventRecord read_event(const Statement& row, int column);

}  // namespace lineside::hub
