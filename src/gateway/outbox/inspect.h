#pragma once
// Looking into an outbox folder without changing it, also while a gateway uses it. For the toolbox.
#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/outbox/outbox_database.h"
#include "model/record.h"

namespace lineside::gateway {

struct OutboxView {
  std::filesystem::path database;
  std::string epoch;
  std::array<LaneTotals, kLanes> lanes;
  std::array<std::optional<WallTime>, kLanes> oldest;  // when the lane's oldest record was put there
};

// Errors: file_not_found (no outbox there), database_damaged, database.
Result<OutboxView> look_into_outbox(const std::filesystem::path& dir);

// Everything that is wrong with it, in sentences; empty: SQLite's own check and each record are in order.
// Errors: file_not_found, database (can't be read now).
Result<std::vector<std::string>> verify_outbox(const std::filesystem::path& dir);

// Calls `take` with each record of the lane, oldest first, and stops at its error. Errors: as above.
Result<void> for_each_record(const std::filesystem::path& dir, Lane lane,
                             const std::function<Result<void>(const Record&)>& take);

}  // namespace lineside::gateway
