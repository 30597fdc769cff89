#pragma once
// Keeps the list of alarms by what gateways tell. Owner thread only; inside the caller's transaction.
#include <optional>
#include <string>

#include "base/result.h"
#include "base/sqlite.h"
#include "hub/store/alarm_rows.h"
#include "model/record.h"

namespace lineside::hub {

// What one event means for the list.
struct AlarmStep {
  enum class What : std::uint8_t { none, raised, cleared, all_over };
  What what = What::none;
  std::string kind;  // of raised and cleared
};
AlarmStep alarm_step(const EventRecord& event);

// By the order in which they come: a gateway's clock may have gone back. A gateway that starts anew has no alarm at
// first and tells again what is so still. A station's camera and rejector are known by its summaries, because events of
// stations are held back when there are many; an anomaly that a summary does not know of is over.
class AlarmBook {
 public:
  static Result<AlarmBook> create(Database& database);
  Result<void> note(const std::string& tenant, const std::string& gateway, const EventRecord& event);
  Result<void> note(const std::string& tenant, const std::string& gateway, const StationSummary& summary);
  Result<void> note(const std::string& tenant, const std::string& gateway, const AssetSummary& summary);
  // Urgent records of the gateway were lost.
  Result<void> doubt(const std::string& tenant, const std::string& gateway);
  // One that has returned to normal goes with that. The first acknowledgement counts. Errors: not_found (it is gone, or
  // has changed since it was seen).
  Result<void> acknowledge(const std::string& tenant, const SeenAlarm& seen, const std::string& user, WallTime now);

 private:
  struct Told;
  AlarmBook() = default;
  Result<void> raise(const std::string& tenant, const AlarmId& id, const Told& told);
  Result<bool> make_room(const std::string& tenant, const std::string& gateway);
  static Statement& bind(Statement& statement, const std::string& tenant, const AlarmId& id);
  // If it was last told not after `until`. An id of the gateway alone: all that it has.
  Result<void> clear(const std::string& tenant, const AlarmId& id, WallTime at, WallTime until = WallTime::max());

  std::optional<Statement> again_, raise_, count_, forget_, end_, over_, end_all_, all_over_, doubt_, ack_;
};

}  // namespace lineside::hub
