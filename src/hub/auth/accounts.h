#pragma once
// Who may see what: tenants, users with Argon2id passwords, and sessions. Sessions are random tokens of which the
// database knows only the SHA-256, so that a copy of the database signs nobody in.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::hub {

struct Principal {
  std::string tenant, user, role;
  WallTime expires{};
};

struct SignedIn {
  std::string token;  // for the cookie; not kept here
  Principal principal;
};

struct UserInfo {
  std::string tenant, name, role;
  WallTime created{};
};

struct TenantInfo {
  std::string id, name;
  std::int64_t users = 0, gateways = 0;  // gateways: those that have delivered something
};

// a-z, 0-9, '-' and '_', 1 to 63 characters: what tenants and gateways are called. Topics, certificates and paths carry
// them. Errors: usage.
Result<void> check_name(std::string_view what, std::string_view name);
// As above, with '.' and '@' too, at most 64 characters, for people.
Result<void> check_user_name(std::string_view name);

// Thread-safe: one connection of its own to hub.db under a mutex that is never held while a password is hashed.
class Accounts {
 public:
  // The database must have been made by Store::open. Errors: database, file_not_found.
  static Result<std::unique_ptr<Accounts>> open(const std::filesystem::path& database, Clock& clock,
                                                std::chrono::hours session_life);
  ~Accounts();

  Result<void> add_tenant(const std::string& id, const std::string& name);  // no error when it is there already
  Result<std::vector<TenantInfo>> tenants() const;
  // Errors: usage (name, password rules, role not admin or viewer, user exists), not_found (tenant), database.
  Result<void> add_user(const std::string& tenant, const std::string& name, const std::string& password,
                        const std::string& role);
  // Ends the user's sessions. Errors: usage, not_found, database.
  Result<void> set_password(const std::string& tenant, const std::string& name, const std::string& password);
  Result<std::vector<UserInfo>> users() const;

  // About a tenth of a second of CPU, as long for an unknown tenant or user as for a wrong password. `peer` is the
  // caller's address. Errors: auth_failed (never says which part was wrong), limit_reached (wait first), database.
  Result<SignedIn> sign_in(const std::string& tenant, const std::string& name, const std::string& password,
                           const std::string& peer);
  // How long this peer and user still have to wait before sign_in listens to them again; zero: not at all.
  std::chrono::seconds sign_in_wait(const std::string& tenant, const std::string& name, const std::string& peer) const;

  Result<Principal> session(const std::string& token) const;  // Errors: auth_failed, database.
  Result<void> sign_out(const std::string& token);
  // Ends every other session of the user. Errors: auth_failed (wrong current password), usage, limit_reached, database.
  Result<void> change_password(const std::string& token, const std::string& current, const std::string& next,
                               const std::string& peer);
  Result<void> forget_expired();

 private:
  Accounts();
  Result<std::string> stored_hash(const std::string& tenant, const std::string& name) const;
  Result<void> store_password(const std::string& tenant, const std::string& name, const std::string& hash,
                              const std::string& kept_token);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lineside::hub
