#include "hub/store/store.h"

#include <algorithm>
#include <format>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>

#include "base/log.h"
#include "base/sqlite.h"
#include "hub/store/known_names.h"
#include "hub/store/record_writer.h"
#include "hub/store/tag_sql.h"
#include "model/tag_limits.h"

namespace lineside::hub {
namespace {

constexpr std::array kBothLanes{Lane::urgent, Lane::bulk};
constexpr std::int64_t kGatewaysMax = 10'000;
constexpr std::uint64_t kRawBytesMax = 1ull << 60;  // of one batch: sums stay what they are, whatever a gateway claims

// The statements around the records themselves.
struct Statements {
  std::optional<Statement> add_tenant, add_gateway, count_gateways, seen, set_state, find_epoch, newest_epoch,
      add_epoch, watermark, set_watermark, traffic;
};

Result<Statements> prepare_statements(Database& database) {
  Statements s;
  const auto make = [&](std::optional<Statement>& statement, std::string_view sql) -> Result<void> {
    LINESIDE_ASSIGN(statement, database.prepare(sql));
    return {};
  };
  LINESIDE_TRY(make(s.add_tenant, "INSERT INTO tenant (id, name) VALUES (?1, ?1) ON CONFLICT DO NOTHING"));
  LINESIDE_TRY(make(s.add_gateway,
                    "INSERT INTO gateway (tenant, id, first_seen_ns, last_seen_ns) VALUES (?1, ?2, ?3, ?3) "
                    "ON CONFLICT DO NOTHING"));
  LINESIDE_TRY(make(s.count_gateways, "SELECT count(*) FROM gateway"));
  LINESIDE_TRY(make(s.seen, "UPDATE gateway SET last_seen_ns = ?3 WHERE tenant = ?1 AND id = ?2"));
  LINESIDE_TRY(make(s.set_state,
                    "UPDATE gateway SET online = ?3, version = CASE WHEN ?4 = '' THEN version ELSE ?4 END, "
                    "last_seen_ns = CASE WHEN ?3 THEN ?5 ELSE last_seen_ns END WHERE tenant = ?1 AND id = ?2"));
  LINESIDE_TRY(make(s.find_epoch, "SELECT number FROM epoch WHERE tenant = ? AND gateway = ? AND id = ?"));
  LINESIDE_TRY(make(s.newest_epoch, "SELECT coalesce(max(number), 0) FROM epoch WHERE tenant = ? AND gateway = ?"));
  LINESIDE_TRY(
      make(s.add_epoch, "INSERT INTO epoch (tenant, gateway, number, id, first_seen_ns) VALUES (?, ?, ?, ?, ?)"));
  LINESIDE_TRY(make(s.watermark, "SELECT last_sequence FROM watermark WHERE tenant = ? AND gateway = ? AND lane = ?"));
  LINESIDE_TRY(make(s.set_watermark,
                    "INSERT INTO watermark (tenant, gateway, lane, epoch, last_sequence) VALUES (?1, ?2, ?3, ?4, ?5) "
                    "ON CONFLICT DO UPDATE SET epoch = ?4, last_sequence = ?5"));
  LINESIDE_TRY(make(s.traffic,
                    "INSERT INTO traffic (tenant, gateway, wire_bytes, batches, records, raw_bytes) "
                    "VALUES (?1, ?2, ?3, 1, ?4, ?5) ON CONFLICT DO UPDATE SET wire_bytes = wire_bytes + ?3, "
                    "batches = batches + 1, records = records + ?4, raw_bytes = min(raw_bytes, 1 << 62) + ?5"));
  return s;
}

struct Change {
  std::string tenant, gateway;
  Lane lane = Lane::urgent;
  std::span<const Record> records;
  std::shared_ptr<const wire::Batch> kept;  // that they are of, when it is not the caller's
};

// What the cameras took in, as the stored summaries say.
std::int64_t raw_bytes_in(std::span<const Record> records) {
  std::uint64_t sum = 0;
  for (const Record& record : records) {
    const auto* station = std::get_if<StationSummary>(&record.body);
    const auto* asset = std::get_if<AssetSummary>(&record.body);
    const std::uint64_t raw = station != nullptr ? station->raw_bytes : asset != nullptr ? asset->raw_bytes : 0;
    sum = std::min(sum + std::min(raw, kRawBytesMax), kRawBytesMax);
  }
  return static_cast<std::int64_t>(sum);
}

Result<std::int64_t> one_integer(Statement& query) {
  LINESIDE_ASSIGN(const bool row, query.step());
  if (!row) return std::int64_t{0};
  const std::int64_t value = query.integer(0);
  query.reset();
  return value;
}

}  // namespace

class Store::Impl {
 public:
  Impl(Database database, Statements statements, RecordWriter writer, Clock& clock, MetricsRegistry& metrics)
      : database_(std::move(database)),
        statements_(std::move(statements)),
        writer_(std::move(writer)),
        clock_(clock),
        records_(metrics.counter("lineside_hub_records_total", "Records stored")),
        duplicates_(metrics.counter("lineside_hub_duplicate_records_total", "Records that were stored before")),
        gaps_(metrics.counter("lineside_hub_gap_batches_total", "Batches that did not connect and were refused")),
        stale_(metrics.counter("lineside_hub_stale_batches_total", "Batches of an outbox that has been replaced")),
        stations_refused_(metrics.counter("lineside_hub_station_limit_records_total",
                                          "Summaries of stations above the most that a gateway may have")),
        assets_refused_(metrics.counter("lineside_hub_asset_limit_records_total",
                                        "Summaries of assets above the most that a gateway may have")),
        tags_refused_(metrics.counter("lineside_hub_tag_limit_records_total",
                                      "Blocks and summaries of tags above the most that a gateway may have")),
        unreadable_tags_(metrics.counter("lineside_hub_unreadable_tag_blocks_total",
                                         "Blocks of tags that can't be read, because one before them never came")),
        commit_time_(metrics.histogram("lineside_hub_commit_seconds", "Time for storing one group of batches")) {}

  Result<std::vector<CommitOutcome>> commit(std::span<const IncomingBatch> batches) {
    std::vector<CommitOutcome> outcomes;
    std::vector<Change> changes;
    {
      std::lock_guard lock(mutex_);
      const MonoTime began = clock_.mono();
      LINESIDE_TRY(database_.begin());
      for (const IncomingBatch& batch : batches) {
        auto outcome = apply(batch, changes);
        if (!outcome) {
          Error why = outcome.error();
          if (database_.refused_values()) why.code = ErrorCode::wire_invalid;
          roll_back();
          return std::unexpected(std::move(why));
        }
        outcomes.push_back(*outcome);
      }
      if (auto committed = database_.commit(); !committed) {
        roll_back();
        return std::unexpected(committed.error());
      }
      commit_time_.record(clock_.mono() - began);
    }
    count(batches, outcomes);
    const std::shared_lock lock(listeners_mutex_);
    for (const Change& change : changes)
      for (ChangeListener* listener : listeners_)
        listener->on_records(change.tenant, change.gateway, change.lane, change.records);
    return outcomes;
  }

  Result<void> set_gateway_state(const std::string& tenant, const std::string& gateway, const GatewayReport& report) {
    {
      std::lock_guard lock(mutex_);
      auto stored = transaction([&]() -> Result<void> {
        LINESIDE_TRY(know_gateway(tenant, gateway));
        Statement& set = *statements_.set_state;
        set.bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)).bind(3, std::int64_t{report.online});
        set.bind(4, std::string_view(report.version)).bind(5, now_ns());
        return set.run();
      });
      if (!stored) return stored;
    }
    const std::shared_lock lock(listeners_mutex_);
    for (ChangeListener* listener : listeners_) listener->on_gateway_state(tenant, gateway, report);
    return {};
  }

  Result<void> ensure_gateway(const std::string& tenant, const std::string& gateway) {
    std::lock_guard lock(mutex_);
    return transaction([&] { return know_gateway(tenant, gateway); });
  }

  Result<std::vector<Watermark>> watermarks() {
    std::lock_guard lock(mutex_);
    LINESIDE_ASSIGN(
        Statement query,
        database_.prepare("SELECT w.tenant, w.gateway, w.lane, e.id, w.last_sequence FROM watermark w JOIN "
                          "epoch e ON e.tenant = w.tenant AND e.gateway = w.gateway AND e.number = w.epoch"));
    std::vector<Watermark> all;
    for (;;) {
      LINESIDE_ASSIGN(const bool row, query.step());
      if (!row) return all;
      all.push_back({query.text(0), query.text(1), static_cast<Lane>(query.integer(2)), query.text(3),
                     static_cast<std::uint64_t>(query.integer(4))});
    }
  }

  Result<std::uint64_t> delete_older_than(WallTime limit, std::uint64_t rows_max) {
    struct Aged {
      std::string_view table, time_column;
    };
    constexpr std::array kTables{Aged{"verdict", "time_ns"},     Aged{"station_summary", "to_ns"},
                                 Aged{"event", "time_ns"},       Aged{"picture", "time_ns"},
                                 Aged{"asset_summary", "to_ns"}, Aged{"tag_summary", "to_ns"}};
    std::lock_guard lock(mutex_);
    LINESIDE_ASSIGN(std::uint64_t deleted, delete_tags(limit, rows_max));
    for (const auto& [table, time_column] : kTables) {
      if (deleted >= rows_max) break;
      constexpr std::string_view kKey = "tenant, gateway, lane, epoch, sequence";
      LINESIDE_ASSIGN(Statement remove,
                      database_.prepare(std::format(
                          "DELETE FROM {0} WHERE ({2}) IN (SELECT {2} FROM {0} WHERE {1} < ? ORDER BY {1} LIMIT ?)",
                          table, time_column, kKey)));
      remove.bind(1, limit.time_since_epoch().count()).bind(2, static_cast<std::int64_t>(rows_max - deleted));
      LINESIDE_TRY(remove.run());
      deleted += static_cast<std::uint64_t>(database_.changes());
    }
    LINESIDE_ASSIGN(Statement returned, database_.prepare("DELETE FROM alarm WHERE cleared_ns > 0 AND cleared_ns < ?"));
    LINESIDE_TRY(returned.bind(1, limit.time_since_epoch().count()).run());
    if (deleted > 0) names_.forget_full();
    return deleted;
  }

  Result<void> add_feedback(const std::string& tenant, const Feedback& feedback) {
    std::lock_guard lock(mutex_);
    LINESIDE_ASSIGN(Statement add,
                    database_.prepare("INSERT INTO feedback (tenant, gateway, asset, event_id, judgement, note, user, "
                                      "time_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
    add.bind(1, std::string_view(tenant)).bind(2, std::string_view(feedback.gateway));
    add.bind(3, std::string_view(feedback.asset)).bind(4, std::string_view(feedback.event_id));
    add.bind(5, std::string_view(feedback.judgement)).bind(6, std::string_view(feedback.note));
    return add.bind(7, std::string_view(feedback.user)).bind(8, now_ns()).run();
  }

  Result<void> acknowledge_alarm(const std::string& tenant, const SeenAlarm& seen, const std::string& user) {
    std::lock_guard lock(mutex_);
    return transaction([&] { return writer_.alarms().acknowledge(tenant, seen, user, clock_.wall()); });
  }

  void add_listener(ChangeListener& listener) {
    const std::unique_lock lock(listeners_mutex_);
    listeners_.push_back(&listener);
  }

  void remove_listener(ChangeListener& listener) {
    const std::unique_lock lock(listeners_mutex_);
    std::erase(listeners_, &listener);
  }

 private:
  std::int64_t now_ns() const { return clock_.wall().time_since_epoch().count(); }

  template <class Work>
  Result<void> transaction(Work&& work) {
    LINESIDE_TRY(database_.begin());
    Result<void> done = work();
    if (done) done = database_.commit();
    if (!done) database_.rollback();
    return done;
  }

  struct TagGenerationId {
    std::string tenant, gateway, stream;
    std::int64_t number = 0;
  };

  Result<std::vector<TagGenerationId>> old_generations(std::int64_t before, std::uint64_t most) {
    std::vector<TagGenerationId> old;
    LINESIDE_ASSIGN(Statement find, database_.prepare(tag_sql::kOldGenerations));
    find.bind(1, before).bind(2, static_cast<std::int64_t>(most));
    for (;;) {
      LINESIDE_ASSIGN(const bool row, find.step());
      if (!row) return old;
      old.push_back({find.text(0), find.text(1), find.text(2), find.integer(3)});
    }
  }

  // Whole generations, so that it may be some rows too many: what is left of one could not be read.
  Result<std::uint64_t> delete_tags(WallTime limit, std::uint64_t rows_max) {
    const std::int64_t before = limit.time_since_epoch().count();
    std::uint64_t deleted = 0;
    const auto work = [&]() -> Result<void> {
      LINESIDE_ASSIGN(Statement unreadable, database_.prepare(tag_sql::kDeleteUnreadable));
      LINESIDE_TRY(unreadable.bind(1, before).bind(2, static_cast<std::int64_t>(rows_max)).run());
      deleted += static_cast<std::uint64_t>(database_.changes());
      LINESIDE_ASSIGN(const auto old, old_generations(before, rows_max));
      LINESIDE_ASSIGN(Statement remove, database_.prepare(tag_sql::kDeleteGeneration));
      for (const TagGenerationId& one : old) {
        if (deleted >= rows_max) break;
        remove.bind(1, std::string_view(one.tenant)).bind(2, std::string_view(one.gateway));
        LINESIDE_TRY(remove.bind(3, std::string_view(one.stream)).bind(4, one.number).run());
        deleted += static_cast<std::uint64_t>(database_.changes());
      }
      return {};
    };
    LINESIDE_TRY(transaction(work));
    return deleted;
  }

  Result<void> know_gateway(const std::string& tenant, const std::string& gateway) {
    LINESIDE_TRY(statements_.add_tenant->bind(1, std::string_view(tenant)).run());
    Statement& add = *statements_.add_gateway;
    add.bind(1, std::string_view(tenant)).bind(2, std::string_view(gateway)).bind(3, now_ns());
    LINESIDE_TRY(add.run());
    if (database_.changes() == 0) return {};
    LINESIDE_ASSIGN(const std::int64_t gateways, one_integer(*statements_.count_gateways));
    if (gateways > kGatewaysMax)
      return fail(ErrorCode::limit_reached, std::format("this hub has its {} gateways already", kGatewaysMax));
    return {};
  }

  // The number of the batch's epoch; a new one becomes the current one. 0: it is an old one.
  Result<std::int64_t> epoch_of(const wire::Batch& batch) {
    const std::string_view tenant = batch.tenant, gateway = batch.gateway;
    LINESIDE_ASSIGN(const std::int64_t newest, one_integer(statements_.newest_epoch->bind(1, tenant).bind(2, gateway)));
    Statement& find = statements_.find_epoch->bind(1, tenant).bind(2, gateway).bind(3, std::string_view(batch.epoch));
    LINESIDE_ASSIGN(const std::int64_t known, one_integer(find));
    if (known != 0) return known == newest ? known : 0;
    Statement& add = statements_.add_epoch->bind(1, tenant).bind(2, gateway).bind(3, newest + 1);
    LINESIDE_TRY(add.bind(4, std::string_view(batch.epoch)).bind(5, now_ns()).run());
    for (const Lane lane : kBothLanes) {
      if (newest > 0) LINESIDE_TRY(end_epoch(batch, lane, newest));
      LINESIDE_TRY(set_watermark(batch, lane, newest + 1, 0));
    }
    return newest + 1;
  }

  // What the old outbox still had, if anything, will not come; nobody knows how much it was.
  Result<void> end_epoch(const wire::Batch& batch, Lane lane, std::int64_t epoch) {
    LINESIDE_ASSIGN(const std::uint64_t last, watermark_of(batch, lane));
    return writer_.write_loss({batch.tenant, batch.gateway, lane, epoch},
                              {lane, last + 1, last, "outbox.replaced", clock_.wall()});
  }

  Result<std::uint64_t> watermark_of(const wire::Batch& batch, Lane lane) {
    Statement& query = statements_.watermark->bind(1, std::string_view(batch.tenant));
    query.bind(2, std::string_view(batch.gateway)).bind(3, static_cast<std::int64_t>(lane));
    LINESIDE_ASSIGN(const std::int64_t last, one_integer(query));
    return static_cast<std::uint64_t>(last);
  }

  Result<void> set_watermark(const wire::Batch& batch, Lane lane, std::int64_t epoch, std::uint64_t last) {
    Statement& set = statements_.set_watermark->bind(1, std::string_view(batch.tenant));
    set.bind(2, std::string_view(batch.gateway)).bind(3, static_cast<std::int64_t>(lane)).bind(4, epoch);
    return set.bind(5, static_cast<std::int64_t>(last)).run();
  }

  void roll_back() {
    database_.rollback();
    writer_.take_unreadable_blocks();
    names_.forget();
  }

  void count_limit(const wire::Batch& batch, std::uint64_t records, Counter& counter, const std::string& most) {
    if (records == 0) return;
    counter.add(records);
    limits_log_.log(LogLevel::warning, "store",
                    std::format("a gateway has more than {}; what further ones send is declared lost", most),
                    {{"tenant", batch.tenant}, {"gateway", batch.gateway}});
  }

  void count_limits(const wire::Batch& batch, const KnownNames::Fitting& fitting) {
    count_limit(batch, fitting.stations_refused, stations_refused_, std::format("{} stations", kStationsMax));
    count_limit(batch, fitting.assets_refused, assets_refused_, std::format("{} assets", kAssetsMax));
    count_limit(batch, fitting.tags_refused, tags_refused_,
                std::format("{} streams of tags or {} summarised ones", kTagStreamsMax, kSummaryTagsMax));
  }

  void count_unreadable(const wire::Batch& batch, std::uint64_t blocks) {
    unreadable_tags_.add(blocks);
    tags_log_.log(LogLevel::warning, "store",
                  "blocks of tags can't be read, because one before them was lost; the next generation can",
                  {{"tenant", batch.tenant}, {"gateway", batch.gateway}});
  }

  Result<CommitOutcome> apply(const IncomingBatch& incoming, std::vector<Change>& changes) {
    const wire::Batch& batch = incoming.batch;
    CommitOutcome outcome;
    if (auto known = know_gateway(batch.tenant, batch.gateway); !known) {
      if (known.error().code != ErrorCode::limit_reached) return std::unexpected(known.error());
      LINESIDE_TRY(forget_gateway(batch));
      outcome.refused = true;
      return outcome;
    }
    LINESIDE_ASSIGN(const std::int64_t epoch, epoch_of(batch));
    outcome.stale_epoch = epoch == 0;
    if (!outcome.stale_epoch) LINESIDE_TRY(store_records(batch, epoch, outcome, changes));
    const auto raw_bytes = outcome.stored > 0 ? raw_bytes_in(changes.back().records) : 0;
    Statement& traffic = statements_.traffic->bind(1, std::string_view(batch.tenant));
    traffic.bind(2, std::string_view(batch.gateway)).bind(3, static_cast<std::int64_t>(incoming.wire_bytes));
    LINESIDE_TRY(traffic.bind(4, static_cast<std::int64_t>(outcome.stored)).bind(5, raw_bytes).run());
    Statement& seen = statements_.seen->bind(1, std::string_view(batch.tenant));
    LINESIDE_TRY(seen.bind(2, std::string_view(batch.gateway)).bind(3, now_ns()).run());
    return outcome;
  }

  Result<void> forget_gateway(const wire::Batch& batch) {
    LINESIDE_ASSIGN(Statement remove, database_.prepare("DELETE FROM gateway WHERE tenant = ? AND id = ?"));
    LINESIDE_TRY(remove.bind(1, std::string_view(batch.tenant)).bind(2, std::string_view(batch.gateway)).run());
    LINESIDE_ASSIGN(Statement tenant,
                    database_.prepare("DELETE FROM tenant WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM "
                                      "gateway WHERE tenant = ?1) AND NOT EXISTS (SELECT 1 FROM user "
                                      "WHERE tenant = ?1)"));
    return tenant.bind(1, std::string_view(batch.tenant)).run();
  }

  // Duplicates vanish by their sequence; a batch that does not connect stores nothing.
  Result<void> store_records(const wire::Batch& incoming, std::int64_t epoch, CommitOutcome& outcome,
                             std::vector<Change>& changes) {
    LINESIDE_ASSIGN(outcome.watermark, watermark_of(incoming, incoming.lane));
    LINESIDE_ASSIGN(const auto fitting, names_.without_too_many(database_, incoming, outcome.watermark));
    const wire::Batch& batch = fitting.batch ? *fitting.batch : incoming;
    count_limits(batch, fitting);
    const RecordPlace place{batch.tenant, batch.gateway, batch.lane, epoch};
    for (const Record& record : batch.records) {
      const std::uint64_t next = outcome.watermark + 1;
      if (record.sequence < next) {
        ++outcome.duplicates;
        continue;
      }
      if (wire::span_first(record) > next) {
        outcome.gap = true;
        break;
      }
      if (const auto* loss = std::get_if<LossRecord>(&record.body)) {
        LossRecord rest = *loss;
        rest.lane = batch.lane;
        rest.first = next;  // what came before is stored
        LINESIDE_TRY(writer_.write_loss(place, rest));
      } else {
        LINESIDE_TRY(writer_.write(place, record));
      }
      outcome.watermark = record.sequence;
      ++outcome.stored;
    }
    outcome.unreadable_tags = writer_.take_unreadable_blocks();
    if (outcome.stored == 0) return {};
    const std::span<const Record> all(batch.records);
    changes.push_back(
        {batch.tenant, batch.gateway, batch.lane, all.subspan(outcome.duplicates, outcome.stored), fitting.batch});
    return set_watermark(batch, batch.lane, epoch, outcome.watermark);
  }

  void count(std::span<const IncomingBatch> batches, const std::vector<CommitOutcome>& outcomes) {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const CommitOutcome& outcome = outcomes[i];
      records_.add(outcome.stored);
      duplicates_.add(outcome.duplicates);
      if (outcome.gap) gaps_.add();
      if (outcome.stale_epoch) stale_.add();
      if (outcome.unreadable_tags > 0) count_unreadable(batches[i].batch, outcome.unreadable_tags);
    }
  }

  std::mutex mutex_;
  Database database_;
  Statements statements_;
  RecordWriter writer_;
  Clock& clock_;
  KnownNames names_;
  LogLimiter limits_log_, tags_log_;
  std::shared_mutex listeners_mutex_;
  std::vector<ChangeListener*> listeners_;
  Counter &records_, &duplicates_, &gaps_, &stale_, &stations_refused_, &assets_refused_, &tags_refused_,
      &unreadable_tags_;
  LatencyHistogram& commit_time_;
};

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& file, Clock& clock, MetricsRegistry& metrics) {
  LINESIDE_ASSIGN(Database database, Database::open(file, Durability::full));
  LINESIDE_TRY(database.migrate(hub_migrations()));
  LINESIDE_TRY(database.execute("UPDATE gateway SET online = 0 WHERE online = 1"));
  LINESIDE_ASSIGN(Statements statements, prepare_statements(database));
  LINESIDE_ASSIGN(RecordWriter writer, RecordWriter::create(database));
  auto impl = std::make_unique<Impl>(std::move(database), std::move(statements), std::move(writer), clock, metrics);
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::vector<CommitOutcome>> Store::commit(std::span<const IncomingBatch> batches) {
  return impl_->commit(batches);
}

Result<void> Store::set_gateway_state(const std::string& tenant, const std::string& gateway,
                                      const GatewayReport& report) {
  return impl_->set_gateway_state(tenant, gateway, report);
}

Result<void> Store::ensure_gateway(const std::string& tenant, const std::string& gateway) {
  return impl_->ensure_gateway(tenant, gateway);
}

Result<std::vector<Watermark>> Store::watermarks() { return impl_->watermarks(); }

Result<std::uint64_t> Store::delete_older_than(WallTime limit, std::uint64_t rows_max) {
  return impl_->delete_older_than(limit, rows_max);
}

Result<void> Store::add_feedback(const std::string& tenant, const Feedback& feedback) {
  return impl_->add_feedback(tenant, feedback);
}

Result<void> Store::acknowledge_alarm(const std::string& tenant, const SeenAlarm& seen, const std::string& user) {
  return impl_->acknowledge_alarm(tenant, seen, user);
}

void Store::add_listener(ChangeListener& listener) { impl_->add_listener(listener); }

void Store::remove_listener(ChangeListener& listener) { impl_->remove_listener(listener); }

}  // namespace lineside::hub
