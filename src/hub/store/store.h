#pragma once
// The hub's store, write side: what gateways delivered, each sequence once, with the watermark in the same transaction
// (law 2). Schema: schema/hub.sql. Reading has its own connection (queries.h).
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "hub/store/alarm_rows.h"
#include "hub/store/asset_rows.h"
#include "model/record.h"
#include "wire/batch.h"

namespace lineside::hub {

// A batch as it came, and how many bytes it was on the wire (MQTT packet with topic and payload).
struct IncomingBatch {
  wire::Batch batch;
  std::uint64_t wire_bytes = 0;
};

struct CommitOutcome {
  std::uint64_t watermark = 0;        // after the commit: to be acknowledged
  std::uint64_t stored = 0;           // records stored now, losses included
  std::uint64_t duplicates = 0;       // records that were stored before
  std::uint64_t unreadable_tags = 0;  // blocks among those stored that nobody can read: one before them never came
  bool gap = false;                   // the batch did not connect to the watermark: nothing stored
  bool stale_epoch = false;           // of an outbox that has been replaced: nothing stored, nothing to acknowledge
  bool refused = false;  // the hub has as many gateways as it takes: nothing stored, nothing to acknowledge
};

// What a gateway says of itself in its `state`.
struct GatewayReport {
  struct Waiting {
    std::uint64_t records = 0;  // in its outbox, not acknowledged
    double oldest_s = 0;        // the oldest one's age
  };
  bool online = false;
  std::string version;                            // "": as before
  std::optional<std::array<Waiting, 2>> waiting;  // by lane; none: it did not say
};

// Where ingest brings batches.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // All batches in one durable transaction; outcomes in the same order. On an error nothing is stored: wire_invalid
  // when what one of them says can't be stored, however often it is tried; else the storage failed.
  virtual Result<std::vector<CommitOutcome>> commit(std::span<const IncomingBatch> batches) = 0;
};

// Hears of changes after they are durable. Called on the store's writing thread with no lock held, so that it may call
// the store and the queries; must be quick (the WebSocket side queues).
class ChangeListener {
 public:
  virtual ~ChangeListener() = default;
  // `records`: only those stored now (no duplicates).
  virtual void on_records(const std::string& tenant, const std::string& gateway, Lane lane,
                          std::span<const Record> records) = 0;
  virtual void on_gateway_state(const std::string& tenant, const std::string& gateway, const GatewayReport& report) = 0;
};

struct Watermark {
  std::string tenant, gateway;
  Lane lane = Lane::urgent;
  std::string epoch;
  std::uint64_t last_sequence = 0;
};

// Thread-safe: calls are serialized inside.
class Store final : public BatchSink {
 public:
  // Opens or makes the database file, brings its schema up to date, sets every gateway offline until it says otherwise.
  // Errors: database, disk_full, file_io.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file, Clock& clock, MetricsRegistry& metrics);
  ~Store() override;

  Result<std::vector<CommitOutcome>> commit(std::span<const IncomingBatch> batches) override;
  // Stores what lasts (not `waiting`, which the broker keeps as the retained state) and tells the listeners.
  Result<void> set_gateway_state(const std::string& tenant, const std::string& gateway, const GatewayReport& report);
  // Makes tenant and gateway known if they are not. Errors: database, disk_full, limit_reached (10,000 gateways).
  Result<void> ensure_gateway(const std::string& tenant, const std::string& gateway);
  // Of every gateway's current epoch.
  Result<std::vector<Watermark>> watermarks();
  // Deletes about `rows_max` verdicts, summaries, events, pictures and blocks of tags older than `limit` (blocks once
  // their whole generation is); how many it was. Alarms that have returned before it go, too. Loss records and
  // watermarks stay: they are the proof of the sum. Call until 0, with pauses.
  Result<std::uint64_t> delete_older_than(WallTime limit, std::uint64_t rows_max = 2000);

  // Keeps what a person said of an event, with the time; it is never changed. Errors: database, disk_full.
  Result<void> add_feedback(const std::string& tenant, const Feedback& feedback);

  // One that has returned to normal goes with that. The first acknowledgement counts. Errors: not_found (it is gone, or
  // has changed since it was seen), database, disk_full.
  Result<void> acknowledge_alarm(const std::string& tenant, const SeenAlarm& seen, const std::string& user);

  void add_listener(ChangeListener& listener);
  void remove_listener(ChangeListener& listener);  // when it returns, no call to it is under way

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The schema's migrations in order (PRAGMA user_version counts them); embedded from schema/ at build time.
std::span<const std::string_view> hub_migrations();

}  // namespace lineside::hub
