#pragma once
// What people do by the hub's page, written down before it is done (law 10), in a chain of hashes (audit/audit_log.h):
//
//   {"time":"...","deed":"alarm.acknowledge","tenant":"acme","user":"ann","peer":"10.0.0.1","about":{"asset":"pump1"}}
//   {"time":"...","deed":"failed","of":12,"why":"not_found: ..."}     line 12's deed was not done after all
//
// A line without a "failed" that belongs to it was done, or the hub ended before it was.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "audit/audit_log.h"
#include "base/clock.h"
#include "hub/auth/accounts.h"

namespace lineside::hub {

struct Deed {
  const Principal& who;
  std::string peer;  // IP address
  std::string what;
  std::map<std::string, std::string> about;
};

// Thread-safe; waits for the disk. One process has a hub's log.
class DeedLog {
 public:
  // A log that can't be gone on with is no reason not to show what gateways deliver: trouble() says why, and deeds are
  // refused.
  DeedLog(const fs::path& data_dir, Clock& clock);

  // Writes it down, then does it, and what comes of `doing` comes back. Errors: those of AuditLog::append(), and
  // nothing was done; trouble(); those of `doing`.
  Result<void> run(const Deed& deed, const std::function<Result<void>()>& doing);
  const std::optional<Error>& trouble() const { return trouble_; }

 private:
  Result<audit::Head> write(const std::string& entry);

  Clock& clock_;
  std::mutex mutex_;
  std::optional<audit::AuditLog> log_;
  std::optional<Error> trouble_;
};

}  // namespace lineside::hub
