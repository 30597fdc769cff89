#pragma once
// Puts one record into the table of its kind, and what it says of alarms into their list. Owner thread only; inside the
// caller's transaction.
#include <optional>
#include <string>

#include "base/result.h"
#include "base/sqlite.h"
#include "hub/store/alarm_book.h"
#include "model/record.h"

namespace lineside::hub {

// Whose record it is, and where in its lane.
struct RecordPlace {
  const std::string& tenant;
  const std::string& gateway;
  Lane lane = Lane::urgent;
  std::int64_t epoch = 0;
};

class RecordWriter {
 public:
  static Result<RecordWriter> create(Database& database);
  Result<void> write(const RecordPlace& place, const Record& record);
  // Sequences [first, last] of the place's lane will not come; last = first - 1: nobody knows how many. What follows
  // on a loss of the same cause without a gap makes that row longer, and gives it its time.
  Result<void> write_loss(const RecordPlace& place, const LossRecord& loss);
  // Blocks of tags written since the last call that nobody can read, because one before them never came. Whoever rolls
  // back takes them, too: they are not stored.
  std::uint64_t take_unreadable_blocks() { return std::exchange(unreadable_, 0); }
  AlarmBook& alarms() { return alarms_; }

 private:
  explicit RecordWriter(AlarmBook alarms) : alarms_(std::move(alarms)) {}
  Result<void> write_body(const RecordPlace& place, std::uint64_t sequence, const VerdictRecord& verdict);
  Result<void> write_body(const RecordPlace& place, std::uint64_t sequence, const StationSummary& summary);
  Result<void> write_body(const RecordPlace& place, std::uint64_t sequence, const EventRecord& event);
  Result<void> write_body(const RecordPlace& place, std::uint64_t sequence, const PictureRecord& picture);
  Result<void> write_body(const RecordPlace& place, std::uint64_t sequence, const LossRecord& loss);
  Result<void> write_body(const RecordPlace& place, std::uint64_t sequence, const AssetSummary& summary);
  Result<void> write_body(const RecordPlace& place, std::uint64_t sequence, const TagBlock& block);
  Result<void> write_body(const RecordPlace& place, std::uint64_t sequence, const TagSummary& summary);

  std::optional<Statement> verdict_, summary_, event_, picture_, loss_, longer_loss_, asset_, tag_block_, tag_summary_;
  AlarmBook alarms_;
  std::uint64_t unreadable_ = 0;
};

}  // namespace lineside::hub
