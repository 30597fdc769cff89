#pragma once
// Keeps the reserve file ahead of what is handed out. Owner thread only.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "gateway/outbox/limits.h"
#include "gateway/outbox/outbox_database.h"
#include "gateway/outbox/reservation.h"

namespace lineside::gateway {

class Reserver {
 public:
  void take(ReserveFile file, std::uint64_t life, const PerLane& reserved) {
    file_.emplace(std::move(file));
    life_ = life;
    reserved_ = reserved;
    identity_ = identity_of(file_->path());
  }

  const std::optional<Reservation>& last() const { return file_->last(); }
  std::uint64_t life() const { return life_; }

  // Makes sure that everything handed out is below a mark on disk, with enough ahead for the next records.
  Result<void> keep_ahead(const OutboxDatabase& database, const PerLane& handed_out, const PerLane& group) {
    PerLane wanted;
    bool needed = false;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t ahead = std::clamp<std::uint64_t>(8 * group[lane], kReserveAheadMin, kReserveAheadMax);
      needed = needed || reserved_[lane] < handed_out[lane] + ahead / 2;
      wanted[lane] = std::max(reserved_[lane], handed_out[lane] + ahead);
    }
    return needed ? write(database, life_, wanted) : Result<void>{};
  }

  void begin_epoch() { reserved_ = {}; }

  // A clean stop: nothing beyond what is on disk.
  Result<void> end(const OutboxDatabase& database, const PerLane& durable) { return write(database, 0, durable); }

  bool gone() const { return file_ && identity_of(file_->path()) != identity_; }
  // After somebody has deleted the file.
  Result<void> put_back(const OutboxDatabase& database) {
    LINESIDE_ASSIGN(ReserveFile again, ReserveFile::open(file_->path()));
    file_.emplace(std::move(again));
    LINESIDE_TRY(write(database, life_, reserved_));
    identity_ = identity_of(file_->path());  // not before: what could not be written is gone still
    return {};
  }

 private:
  Result<void> write(const OutboxDatabase& database, std::uint64_t life, const PerLane& reserved) {
    Reservation reservation{database.epoch(), life, reserved, {}};
    for (const Lane lane : kBothLanes) reservation.acknowledged[index_of(lane)] = database.totals(lane).deleted;
    LINESIDE_TRY(file_->write(reservation));
    reserved_ = reserved;
    return {};
  }

  std::optional<ReserveFile> file_;
  FileIdentity identity_;
  std::uint64_t life_ = 0;
  PerLane reserved_{};
};

}  // namespace lineside::gateway
