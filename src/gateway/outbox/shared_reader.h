#pragma once
// The read-only connection that read() uses while the writer works on its own. Thread-safe.
#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gateway/outbox/outbox_database.h"

namespace lineside::gateway {

class SharedReader {
 public:
  Result<void> open(const std::filesystem::path& path) {
    LINESIDE_ASSIGN(OutboxDatabase database, OutboxDatabase::open(path, true));
    std::lock_guard lock(mutex_);
    database_.emplace(std::move(database));
    open_ = true;
    return {};
  }

  bool is_open() const { return open_; }

  // When it returns, no read is under way.
  void close() {
    std::lock_guard lock(mutex_);
    database_.reset();
    open_ = false;
  }

  // Up to here no record is expected any more. Goes up before the deletion is committed, so that a reader never takes a
  // deletion for damage.
  void set_deleted(Lane lane, std::uint64_t sequence) { deleted_[static_cast<std::size_t>(lane)] = sequence; }
  std::uint64_t deleted(Lane lane) const { return deleted_[static_cast<std::size_t>(lane)]; }

  // As OutboxDatabase::read. Nothing for another epoch, or while closed.
  Result<std::vector<StoredRecord>> read(Lane lane, const std::string& epoch, std::uint64_t after,
                                         std::size_t records_max, std::size_t bytes_max) {
    std::lock_guard lock(mutex_);
    if (!database_ || database_->epoch() != epoch) return std::vector<StoredRecord>{};
    const auto attempt = [&] { return database_->read(lane, std::max(after, deleted(lane)), records_max, bytes_max); };
    auto records = attempt();
    // Deletion may have gone on between the two steps; damage that is really there is found again.
    if (!records && records.error().code == ErrorCode::database_damaged) records = attempt();
    return records;
  }

 private:
  std::mutex mutex_;
  std::optional<OutboxDatabase> database_;
  std::atomic<bool> open_{false};
  std::array<std::atomic<std::uint64_t>, kLanes> deleted_{};
};

}  // namespace lineside::gateway
