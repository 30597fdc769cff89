#include "gateway/outbox/inspect.h"

#include <format>

#include "gateway/outbox/recovery.h"
#include "wire/batch.h"

namespace lineside::gateway {
namespace {

constexpr std::array kBothLanes{Lane::urgent, Lane::bulk};
constexpr std::size_t kPageRecords = 500, kPageBytes = 16u << 20;

Result<std::filesystem::path> find_database(const std::filesystem::path& dir) {
  auto path = newest_database(dir);
  if (path.empty())
    return fail(ErrorCode::file_not_found, std::format("there is no outbox in {} (no file outbox-*.db)", dir.string()));
  return path;
}

Result<void> walk(OutboxDatabase& database, Lane lane, const std::function<Result<void>(const Record&)>& take) {
  std::uint64_t after = database.totals(lane).deleted;
  while (after < database.totals(lane).durable) {
    LINESIDE_ASSIGN(const auto page, database.read(lane, after, kPageRecords, kPageBytes));
    if (page.empty()) return damaged(std::format("sequence {} of the {} lane is missing", after + 1, to_string(lane)));
    for (const StoredRecord& stored : page) {
      auto record = wire::decode_record(stored.bytes);
      if (!record) return damaged(std::format("sequence {}: {}", stored.sequence, record.error().message));
      if (auto* loss = std::get_if<LossRecord>(&record->body)) loss->lane = lane;
      LINESIDE_TRY(take(*record));
      after = stored.sequence;
    }
  }
  return {};
}

}  // namespace

Result<OutboxView> look_into_outbox(const std::filesystem::path& dir) {
  LINESIDE_ASSIGN(const auto path, find_database(dir));
  LINESIDE_ASSIGN(OutboxDatabase database, OutboxDatabase::open(path, true));
  OutboxView view{.database = path, .epoch = database.epoch()};
  for (const Lane lane : kBothLanes) {
    const auto index = static_cast<std::size_t>(lane);
    view.lanes[index] = database.totals(lane);
    LINESIDE_ASSIGN(view.oldest[index], database.oldest(lane));
  }
  return view;
}

Result<std::vector<std::string>> verify_outbox(const std::filesystem::path& dir) {
  LINESIDE_ASSIGN(const auto path, find_database(dir));
  std::vector<std::string> problems;
  // Damage is what is looked for; any other failure means that nothing can be said.
  const auto note = [&](const Result<void>& result) -> Result<void> {
    if (result) return {};
    if (result.error().code != ErrorCode::database_damaged) return result;
    problems.push_back(result.error().message);
    return {};
  };
  auto database = OutboxDatabase::open(path, true);
  if (!database) {
    LINESIDE_TRY(note(std::unexpected(database.error())));
    return problems;
  }
  // One moment of a lane that a gateway may be using: what follows sees the same.
  LINESIDE_TRY(database->freeze());
  LINESIDE_TRY(note(database->check(true)));
  for (const Lane lane : kBothLanes)
    LINESIDE_TRY(note(walk(*database, lane, [](const Record&) { return Result<void>{}; })));
  return problems;
}

Result<void> for_each_record(const std::filesystem::path& dir, Lane lane,
                             const std::function<Result<void>(const Record&)>& take) {
  LINESIDE_ASSIGN(const auto path, find_database(dir));
  LINESIDE_ASSIGN(OutboxDatabase database, OutboxDatabase::open(path, true));
  LINESIDE_TRY(database.freeze());
  return walk(database, lane, take);
}

}  // namespace lineside::gateway
