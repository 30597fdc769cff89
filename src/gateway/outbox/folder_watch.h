#pragma once
// Holds the outbox's folder and notices when somebody deletes what is in use there. Owner thread only.
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/clock.h"
#include "base/file.h"
#include "gateway/outbox/limits.h"
#include "gateway/outbox/recovery.h"

namespace lineside::gateway {

class FolderWatch {
 public:
  FolderWatch(std::filesystem::path dir, FolderLock lock, Clock& clock)
      : dir_(std::move(dir)), lock_(std::move(lock)), clock_(clock) {}

  void use(const std::filesystem::path& database) {
    database_ = database;
    identity_ = identity_of(database);
  }
  // At most once in kLookEvery.
  bool is_due() {
    const MonoTime now = clock_.mono();
    if (looked_at_ && now - *looked_at_ < kLookEvery) return false;
    looked_at_ = now;
    return true;
  }
  bool database_gone() const { return identity_of(database_) != identity_; }
  bool lock_gone() const { return identity_of(dir_ / "lock") == FileIdentity{}; }

  // Makes the folder if need be, and locks it again. Errors: as FolderLock::take.
  Result<void> take_again() {
    std::error_code error;
    std::filesystem::create_directories(dir_, error);  // take() says why, if that was not possible
    LINESIDE_ASSIGN(lock_, FolderLock::take(dir_));
    return {};
  }

 private:
  const std::filesystem::path dir_;
  FolderLock lock_;
  Clock& clock_;
  std::filesystem::path database_;
  FileIdentity identity_;
  std::optional<MonoTime> looked_at_;
};

}  // namespace lineside::gateway
