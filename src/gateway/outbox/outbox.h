#pragma once
// The outbox: every record that should reach the hub waits here, on disk, until the hub has acknowledged it (law 2).
// docs/delivery.md explains the whole protocol; docs/decisions/outbox-sqlite.md why SQLite.
//
// Life of a record: put() gives it the next sequence of its lane and queues it in memory (never waits for the disk);
// the writer thread brings queued records to disk in groups (commit_delay, fsync); read() hands out only what is on
// disk; acknowledge() lets it be deleted. What can't be kept is replaced, at its place in the lane, by a LossRecord:
//   queue.full          more records at once than the memory queue takes, or the disk refused for too long
//   outbox.full         the lane's byte budget was used up: the oldest went
//   outbox.damaged      the database was damaged or missing; what could be read was saved
//   record.too_large    one record above wire::kRecordBytesMax
//   gateway.killed      the process died between put() and the disk; exactly these records
//   gateway.power_lost.at_most   the machine died; some of these sequences may never have been used
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/record_sink.h"

namespace lineside::gateway {

// A record as it lies on disk: bytes as wire::encode_record gives them, for sequences [first, sequence].
struct StoredRecord {
  std::uint64_t first = 0, sequence = 0;  // first < sequence only for losses
  std::vector<std::uint8_t> bytes;
};

struct LaneStatus {
  std::uint64_t handed_out = 0;           // last sequence that put() gave
  std::uint64_t durable = 0;              // last sequence on disk
  std::uint64_t acknowledged = 0;         // last sequence that the hub has
  std::uint64_t known = 0;                // no later one can be at the hub: on disk at start, or read since
  std::uint64_t records = 0, bytes = 0;   // on disk, not acknowledged
  std::uint64_t lost = 0;                 // sequences declared lost since this process started
  std::chrono::nanoseconds oldest_age{};  // of the oldest record on disk, by this machine's clock; 0: none
};

// Thread-safe. One process at a time per folder (flock).
class Outbox final : public RecordSink {
 public:
  // Opens or makes the outbox in `dir`. Damage found is repaired and declared, never an error; while the disk is full
  // or failing, records wait in memory and opening is tried again. Errors: file_io when the folder can't be made or
  // written to; limit_reached if another process has it.
  static Result<std::unique_ptr<Outbox>> open(const std::filesystem::path& dir, const config::OutboxSettings& settings,
                                              Clock& clock, MetricsRegistry& metrics);
  // Brings what is queued to disk (at most 5 s) and closes.
  ~Outbox() override;

  void put(Lane lane, RecordBody body) override;

  // Waits until everything put before is on disk. Errors: timeout.
  Result<void> flush(std::chrono::milliseconds wait_max);

  // Durable records of the lane after sequence `after`, oldest first, at most so many and so many bytes (but one at
  // least if there is one). A loss record that spans `after` is included. Nothing for another epoch than the current
  // one. Errors: database, database_damaged (the writer then repairs: try again later).
  Result<std::vector<StoredRecord>> read(Lane lane, const std::string& epoch, std::uint64_t after,
                                         std::size_t records_max, std::size_t bytes_max);

  // The hub has everything up to `watermark`; deletion follows with the next commit. Ignored for another epoch.
  // A watermark beyond LaneStatus::known means that this outbox was put back to an older copy of itself: it then begins
  // a new epoch, in which the records that wait get new sequences (event "outbox.rolled_back").
  void acknowledge(Lane lane, const std::string& epoch, std::uint64_t watermark);

  std::string epoch() const;
  LaneStatus status(Lane lane) const;
  // Why the disk refuses at the moment, for people; empty when it does not.
  std::string trouble() const;

  // Called after each commit that added records or changed the epoch, on the writer's thread, without a lock held. Must
  // be quick. nullptr: none; when that returns, no call is under way.
  void set_commit_listener(std::function<void()> listener);

 private:
  class Impl;
  explicit Outbox(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lineside::gateway
