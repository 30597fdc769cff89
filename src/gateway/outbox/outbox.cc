#include "gateway/outbox/outbox.h"

#include <condition_variable>
#include <format>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/uuid.h"
#include "gateway/outbox/commit_listener.h"
#include "gateway/outbox/folder_watch.h"
#include "gateway/outbox/lane_queue.h"
#include "gateway/outbox/limits.h"
#include "gateway/outbox/outbox_database.h"
#include "gateway/outbox/outbox_metrics.h"
#include "gateway/outbox/recovery.h"
#include "gateway/outbox/reserver.h"
#include "gateway/outbox/shared_reader.h"
#include "gateway/outbox/write_trouble.h"

namespace lineside::gateway {
class Outbox::Impl {
 public:
  Impl(std::filesystem::path dir, FolderLock lock, const config::OutboxSettings& settings, Clock& clock,
       MetricsRegistry& metrics)
      : dir_(std::move(dir)),
        watch_(dir_, std::move(lock), clock),
        settings_(settings),
        clock_(clock),
        queues_{LaneQueue{Lane::urgent, static_cast<std::size_t>(settings.queue_records), kQueueBytesMax},
                LaneQueue{Lane::bulk, static_cast<std::size_t>(settings.queue_records), kQueueBytesMax}},
        metrics_(metrics) {}

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      stop_deadline_ = std::chrono::steady_clock::now() + kCloseMax;
    }
    wake_.notify_all();
    if (writer_.joinable()) writer_.join();
    reader_.close();  // before the writer's connection: the last one to close tidies the journal away, if it can write
  }

  // A disk that is full or failing does not stop the gateway: the writer goes on trying.
  void start() {
    if (auto opened = open_folder(); !opened) trouble_.failed(opened.error());
    writer_ = std::thread([this] { run(); });
  }

  void put(Lane lane, RecordBody body) {
    const std::size_t index = index_of(lane);
    const WallTime now = clock_.wall();
    bool taken = true, wake = false;
    {
      std::lock_guard lock(mutex_);
      const std::uint64_t sequence = ++handed_out_[index];
      if (live_) live_->set(lane, sequence);
      if (auto* loss = std::get_if<LossRecord>(&body)) *loss = {lane, sequence, sequence, loss->cause, loss->time};
      taken = queues_[index].push(sequence, std::move(body), now);
      // The writer wakes for the first record, and then for enough of them to go before commit_delay is over.
      const std::size_t waiting = queues_[index].size();
      wake = waiting == 1 || waiting == enough_waiting();
    }
    metrics_.put(lane);
    if (!taken) metrics_.lost(lane, 1);
    if (wake) wake_.notify_all();
  }

  Result<void> flush(milliseconds wait_max) {
    std::unique_lock lock(mutex_);
    PerLane target = handed_out_;
    std::uint64_t numbering = numbering_;
    ++flushes_;
    wake_.notify_all();
    const bool done = committed_.wait_for(lock, wait_max, [&] {
      if (numbering != numbering_) numbering = numbering_, target = handed_out_;
      return opened_ && durable_[0] >= target[0] && durable_[1] >= target[1];
    });
    --flushes_;
    if (done) return {};
    return fail(ErrorCode::timeout, std::format("the outbox in {} did not get everything to disk within {} ms",
                                                dir_.string(), wait_max.count()));
  }

  Result<std::vector<StoredRecord>> read(Lane lane, const std::string& epoch, std::uint64_t after,
                                         std::size_t records_max, std::size_t bytes_max) {
    std::uint64_t durable = 0;
    {
      std::lock_guard lock(mutex_);
      durable = durable_[index_of(lane)];
    }
    auto records = reader_.read(lane, epoch, after, records_max, bytes_max);
    if (!records && records.error().code == ErrorCode::database_damaged) {
      damage_seen_ = true;
      wake_.notify_all();
    }
    // What is committed but not published yet could be acknowledged before we know that we have it.
    while (records && !records->empty() && records->back().sequence > durable) records->pop_back();
    if (records && !records->empty()) {
      std::lock_guard lock(mutex_);
      if (epoch == epoch_) known_[index_of(lane)] = std::max(known_[index_of(lane)], records->back().sequence);
    }
    return records;
  }

  void acknowledge(Lane lane, const std::string& epoch, std::uint64_t watermark) {
    {
      std::lock_guard lock(mutex_);
      if (epoch != epoch_) return;
      if (watermark > known_[index_of(lane)]) {
        rolled_back_ = true;
      } else if (watermark > acknowledged_[index_of(lane)]) {
        acknowledged_[index_of(lane)] = watermark;
      } else {
        return;
      }
    }
    wake_.notify_all();
  }

  std::string epoch() const {
    std::lock_guard lock(mutex_);
    return epoch_;
  }

  LaneStatus status(Lane lane) const {
    const std::size_t index = index_of(lane);
    LaneStatus status;
    status.lost = metrics_.lost(lane);
    std::lock_guard lock(mutex_);
    status.handed_out = handed_out_[index];
    status.durable = durable_[index];
    status.acknowledged = acknowledged_[index];
    status.known = known_[index];
    status.records = stored_records_[index];
    status.bytes = stored_bytes_[index];
    if (oldest_[index]) status.oldest_age = std::max(nanoseconds{0}, clock_.wall() - *oldest_[index]);
    return status;
  }

  std::string trouble() const { return trouble_.text(); }

  void set_commit_listener(std::function<void()> listener) { listener_.set(std::move(listener)); }

 private:
  using Group = std::array<std::vector<LaneQueue::Entry>, kLanes>;

  std::size_t enough_waiting() const { return std::max<std::size_t>(1, queues_[0].capacity() / 2); }
  PerLane locked_copy(const PerLane& shared) const {
    std::lock_guard lock(mutex_);
    return shared;
  }
  bool queued() const { return queues_[0].size() > 0 || queues_[1].size() > 0; }

  bool acknowledgement_waits() const {
    return opened_ &&
           (acknowledged_[0] > reader_.deleted(Lane::urgent) || acknowledged_[1] > reader_.deleted(Lane::bulk));
  }

  void run() {
    Group group;
    milliseconds retry = kRetryMin;
    while (wait_for_work(group)) {
      const auto began = std::chrono::steady_clock::now();
      if (auto done = write(group)) {
        metrics_.commit_time.record(std::chrono::steady_clock::now() - began);
        trouble_.ended();
        retry = kRetryMin;
        continue;
      } else {
        metrics_.retries.add();
        trouble_.failed(done.error());
        if (done.error().code == ErrorCode::database_damaged) damage_seen_ = true;
      }
      if (!pause(retry)) break;
      retry = std::min(retry * 2, kRetryMax);
    }
    close();
  }

  // False when there is nothing more to do and the outbox is closing.
  bool wait_for_work(const Group& group) {
    const bool group_waits = !group[0].empty() || !group[1].empty();
    std::unique_lock lock(mutex_);
    const auto due = [&] {
      return stopping_ || queued() || acknowledgement_waits() || rolled_back_ || damage_seen_ || missing_ ||
             !reader_.is_open();
    };
    while (!group_waits && !due()) {
      wake_.wait_for(lock, kLookEvery);
      lock.unlock();
      look_at_files();
      lock.lock();
    }
    if (stopping_ && !group_waits && !queued() && !missing_) return false;
    if (!stopping_ && !group_waits && flushes_ == 0)
      wake_.wait_for(lock, settings_.commit_delay, [&] {
        return stopping_ || flushes_ > 0 || queues_[0].size() >= enough_waiting() ||
               queues_[1].size() >= enough_waiting();
      });
    return true;
  }

  // False when closing and out of time.
  bool pause(milliseconds duration) {
    std::unique_lock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + duration;
    wake_.wait_until(lock, until, [&] { return stopping_ && std::chrono::steady_clock::now() > stop_deadline_; });
    return !stopping_ || std::chrono::steady_clock::now() < stop_deadline_;
  }

  // One round: whatever has to be mended first, then a group of records and deletions in one transaction.
  Result<void> write(Group& group) {
    if (!opened_) LINESIDE_TRY(open_folder());
    look_at_files();
    if (missing_) LINESIDE_TRY(put_back());
    if (damage_seen_ || !database_) LINESIDE_TRY(repair());
    if (!reader_.is_open()) LINESIDE_TRY(reader_.open(path_));  // not before what was mended is taken up as a whole
    LINESIDE_TRY(reserve(group));
    {
      std::lock_guard lock(mutex_);
      for (const Lane lane : kBothLanes)
        if (group[index_of(lane)].empty())
          queues_[index_of(lane)].pop(group[index_of(lane)], kGroupRecordsMax, kGroupBytesMax);
    }
    if (auto written = write_transaction(group); !written) {
      database_->rollback();
      return written;
    }
    metrics_.commits.add();
    const bool added = !group[0].empty() || !group[1].empty();
    for (auto& entries : group) entries.clear();
    publish();
    if (added) listener_.tell();
    return rolled_back_ ? begin_new_epoch() : Result<void>{};
  }

  Result<void> write_transaction(const Group& group) {
    const PerLane acknowledged = locked_copy(acknowledged_);
    LINESIDE_TRY(database_->begin());
    for (const Lane lane : kBothLanes) {
      LINESIDE_TRY(database_->remove_through(lane, acknowledged[index_of(lane)], kDeleteRowsMax));
      for (const auto& entry : group[index_of(lane)]) LINESIDE_TRY(insert(lane, entry));
      LINESIDE_TRY(keep_to_budget(lane));
      reader_.set_deleted(lane, std::max(reader_.deleted(lane), database_->totals(lane).deleted));
    }
    return database_->commit();
  }

  Result<void> insert(Lane lane, const LaneQueue::Entry& entry) {
    const WallTime now = clock_.wall();
    const ForDisk record = for_disk(lane, entry, now);
    if (record.too_large) metrics_.lost(lane, 1);
    return database_->insert(lane, record.stored, now);
  }

  Result<void> keep_to_budget(Lane lane) {
    const std::uint64_t bytes_max = lane == Lane::urgent ? settings_.urgent_bytes_max : settings_.bulk_bytes_max;
    const std::uint64_t bytes = database_->totals(lane).bytes;
    if (bytes <= bytes_max) return {};
    const std::uint64_t spare = bytes_max / 32;  // so that not every commit has to drop
    LINESIDE_ASSIGN(const std::uint64_t lost, database_->drop_oldest(lane, bytes - bytes_max + spare, clock_.wall()));
    if (lost == 0) return {};
    metrics_.lost(lane, lost);
    if (const MonoTime now = clock_.mono(); !full_event_at_ || now - *full_event_at_ > kFullEventPeriod) {
      full_event_at_ = now;
      put(Lane::urgent, full_event(clock_, lane, bytes_max));
    }
    return {};
  }

  Result<void> reserve(const Group& group) {
    return reserver_.keep_ahead(*database_, locked_copy(handed_out_), {group[0].size(), group[1].size()});
  }

  // After a commit: what others may see.
  void publish() {
    std::array<std::optional<WallTime>, kLanes> oldest;
    for (const Lane lane : kBothLanes)
      if (auto time = database_->oldest(lane)) oldest[index_of(lane)] = *time;
    {
      std::lock_guard lock(mutex_);
      for (const Lane lane : kBothLanes) {
        const LaneTotals& totals = database_->totals(lane);
        durable_[index_of(lane)] = totals.durable;
        stored_records_[index_of(lane)] = totals.records;
        stored_bytes_[index_of(lane)] = totals.bytes;
      }
      oldest_ = oldest;
    }
    for (const Lane lane : kBothLanes) metrics_.stored(lane, database_->totals(lane));
    committed_.notify_all();
  }

  // Opens or repairs the folder. What was put before it could be opened had numbers from 1; they move up.
  Result<void> open_folder() {
    LINESIDE_ASSIGN(Recovered recovered, recover(dir_, clock_));
    path_ = recovered.path;
    watch_.use(path_);
    database_.emplace(std::move(recovered.database));
    reserver_.take(std::move(recovered.reserve), recovered.life,
                   {database_->totals(Lane::urgent).durable, database_->totals(Lane::bulk).durable});
    {
      std::lock_guard lock(mutex_);
      epoch_ = database_->epoch();
      for (const Lane lane : kBothLanes) {
        const LaneTotals& totals = database_->totals(lane);
        queues_[index_of(lane)].renumber(0 - totals.durable);  // modulo 2^64: adds
        handed_out_[index_of(lane)] += totals.durable;
        acknowledged_[index_of(lane)] = totals.deleted;
        known_[index_of(lane)] = totals.durable;
        reader_.set_deleted(lane, totals.deleted);
        if (recovered.live) recovered.live->set(lane, handed_out_[index_of(lane)]);
      }
      live_ = std::move(recovered.live);
      opened_ = true;
      ++numbering_;
    }
    publish();
    for (const Lane lane : kBothLanes) metrics_.lost(lane, recovered.lost[index_of(lane)]);
    for (auto& event : recovered.events) put(Lane::urgent, std::move(event));
    LINESIDE_TRY(reader_.open(path_));
    return reserve({});
  }

  void look_at_files() {
    if (opened_ && database_ && watch_.is_due())
      missing_ = watch_.database_gone() || watch_.lock_gone() || reserver_.gone();
  }

  // As long as the database is open, all of it is there still: it moves to a new file, and nothing is lost.
  Result<void> put_back() {
    log(LogLevel::error, "outbox", "files were deleted while in use; writing them again", {{"folder", dir_.string()}});
    if (watch_.lock_gone()) {
      LINESIDE_TRY(watch_.take_again());
      std::lock_guard lock(mutex_);
      live_ = LiveCounter::open(dir_);  // it is named after the folder
      if (live_) live_->begin(reserver_.life(), handed_out_);
    }
    if (database_ && reserver_.gone()) LINESIDE_TRY(reserver_.put_back(*database_));
    std::uint64_t lost = 0;
    if (watch_.database_gone()) {
      LINESIDE_ASSIGN(lost, save_readable());
      if (lost > 0) put(Lane::urgent, damage_event(clock_, lost));
    }
    missing_ = false;
    metrics_.missing.add();
    trouble_.mended(
        std::format("Files of the outbox were deleted while in use; they were written again, with {} "
                    "lost. Find out who deletes in {}.",
                    lost == 0 ? "nothing" : std::format("{} records", lost), dir_.string()));
    put(Lane::urgent, files_deleted_event(clock_));
    return {};
  }

  // The database is damaged while in use. May be called again after it has failed half-way.
  Result<void> repair() {
    log(LogLevel::error, "outbox", "damage found; saving what can be read", {{"path", path_.string()}});
    LINESIDE_ASSIGN(const std::uint64_t lost, save_readable());
    damage_seen_ = false;
    metrics_.repairs.add();
    put(Lane::urgent, damage_event(clock_, lost));
    return {};
  }

  // What can be read of the database moves to a new one, and what was on disk and is not in it is declared and counted
  // (returned). Records in memory follow as usual; the next write opens the reader.
  Result<std::uint64_t> save_readable() {
    LINESIDE_ASSIGN(Rebuilt rebuilt, replace_database(std::nullopt));
    LINESIDE_ASSIGN(const PerLane tails, declare_tails(*rebuilt.database, {durable_, true}, "outbox.damaged", clock_));
    database_ = std::move(rebuilt.database);
    publish();
    for (const Lane lane : kBothLanes) metrics_.lost(lane, rebuilt.lost[index_of(lane)] + tails[index_of(lane)]);
    return rebuilt.lost[0] + rebuilt.lost[1] + tails[0] + tails[1];
  }

  // The hub has more of this epoch than the disk: the folder is an older copy of itself, so numbers would be used
  // twice.
  Result<void> begin_new_epoch() {
    const NewEpoch next{.id = make_uuid(clock_), .acknowledged = locked_copy(acknowledged_)};
    LINESIDE_ASSIGN(Rebuilt rebuilt, replace_database(next));
    database_ = std::move(rebuilt.database);
    {
      std::lock_guard lock(mutex_);
      epoch_ = database_->epoch();
      for (const Lane lane : kBothLanes) {
        const std::size_t index = index_of(lane);
        queues_[index].renumber(rebuilt.shifted[index]);
        handed_out_[index] -= rebuilt.shifted[index];
        acknowledged_[index] = known_[index] = 0;
        if (live_) live_->set(lane, handed_out_[index]);
      }
      rolled_back_ = false;
      ++numbering_;
    }
    reserver_.begin_epoch();
    publish();
    for (const Lane lane : kBothLanes) metrics_.lost(lane, rebuilt.lost[index_of(lane)]);
    log(LogLevel::warning, "outbox", "the hub knew later records: began a new epoch", {{"epoch", database_->epoch()}});
    put(Lane::urgent, outbox_event(clock_, "outbox.rolled_back", Severity::high,
                                   "The outbox was put back to an older copy of itself; it has begun a new epoch"));
    return reserve({});
  }

  // Leaves the reader closed and database_ empty, but for one whose file was deleted; the next round repairs if this
  // fails, from what was there before.
  Result<Rebuilt> replace_database(const std::optional<NewEpoch>& new_epoch) {
    reader_.close();
    if (!missing_) database_.reset();
    auto damaged_path = newest_database(dir_);
    if (missing_ || damaged_path.empty()) damaged_path = path_;
    LINESIDE_ASSIGN(Rebuilt rebuilt, rebuild(damaged_path, reserver_.last(), clock_, new_epoch, database_));
    path_ = rebuilt.path;
    watch_.use(path_);
    for (const Lane lane : kBothLanes) reader_.set_deleted(lane, rebuilt.database->totals(lane).deleted);
    return rebuilt;
  }

  // After a clean stop nothing is unsure: no reservation beyond what is on disk, no live counter.
  void close() {
    if (!opened_ || !database_) return;
    {
      std::lock_guard lock(mutex_);
      if (queued() || durable_ != handed_out_) return;
    }
    if (auto written = reserver_.end(*database_, durable_); !written) return;
    live_.reset();
    LiveCounter::remove(dir_);
  }

  const std::filesystem::path dir_;
  FolderWatch watch_;  // the writer's; it has the lock, so it goes last
  const config::OutboxSettings settings_;
  Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable wake_, committed_;
  std::array<LaneQueue, kLanes> queues_;
  std::optional<LiveCounter> live_;
  std::string epoch_;
  PerLane handed_out_{}, durable_{}, acknowledged_{}, known_{}, stored_records_{}, stored_bytes_{};
  std::array<std::optional<WallTime>, kLanes> oldest_;
  std::uint64_t numbering_ = 0;  // goes up when sequences have got other numbers
  int flushes_ = 0;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point stop_deadline_;

  SharedReader reader_;
  std::atomic<bool> damage_seen_{false}, rolled_back_{false};

  CommitListener listener_;

  // The writer's own.
  std::filesystem::path path_;
  std::optional<OutboxDatabase> database_;
  Reserver reserver_;
  bool opened_ = false, missing_ = false;
  std::optional<MonoTime> full_event_at_;

  WriteTrouble trouble_;
  OutboxMetrics metrics_;
  std::thread writer_;
};

Result<std::unique_ptr<Outbox>> Outbox::open(const std::filesystem::path& dir, const config::OutboxSettings& settings,
                                             Clock& clock, MetricsRegistry& metrics) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return fail(ErrorCode::file_io, std::format("can't make folder {}: {}", dir.string(), error.message()));
  LINESIDE_ASSIGN(FolderLock lock, FolderLock::take(dir));
  auto impl = std::make_unique<Impl>(dir, std::move(lock), settings, clock, metrics);
  impl->start();
  return std::unique_ptr<Outbox>(new Outbox(std::move(impl)));
}

Outbox::Outbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Outbox::~Outbox() = default;
void Outbox::put(Lane lane, RecordBody body) { impl_->put(lane, std::move(body)); }
Result<void> Outbox::flush(std::chrono::milliseconds wait_max) { return impl_->flush(wait_max); }

Result<std::vector<StoredRecord>> Outbox::read(Lane lane, const std::string& epoch, std::uint64_t after,
                                               std::size_t records_max, std::size_t bytes_max) {
  return impl_->read(lane, epoch, after, records_max, bytes_max);
}

void Outbox::acknowledge(Lane lane, const std::string& epoch, std::uint64_t watermark) {
  impl_->acknowledge(lane, epoch, watermark);
}
std::string Outbox::epoch() const { return impl_->epoch(); }
LaneStatus Outbox::status(Lane lane) const { return impl_->status(lane); }
std::string Outbox::trouble() const { return impl_->trouble(); }
void Outbox::set_commit_listener(std::function<void()> listener) { impl_->set_commit_listener(std::move(listener)); }

}  // namespace lineside::gateway
