#include "hub/auth/accounts.h"

#include <algorithm>
#include <format>
#include <mutex>

#include "base/sqlite.h"
#include "hub/auth/passwords.h"
#include "hub/auth/throttle.h"

namespace lineside::hub {
namespace {

std::int64_t to_ns(WallTime time) { return time.time_since_epoch().count(); }
WallTime from_ns(std::int64_t ns) { return WallTime{nanoseconds{ns}}; }

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// A digest: what somebody types as a name may be long.
std::string one_user_key(const std::string& tenant, const std::string& name, const std::string& network) {
  return token_hash(network + '\n' + tenant + '\n' + name);
}

bool made_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(
      text, [&](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.contains(c); });
}

constexpr std::string_view kWrong = "The user name or the password is wrong.";

}  // namespace

Result<void> check_name(std::string_view what, std::string_view name) {
  if (name.empty() || name.size() > 63 || !made_of(name, "-_"))
    return fail(ErrorCode::usage,
                std::format("The {} '{}' can't be used: 1 to 63 of a-z, 0-9, '-' and '_'.", what, name));
  return {};
}

Result<void> check_user_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || !made_of(name, "-._@"))
    return fail(ErrorCode::usage,
                std::format("The user name '{}' can't be used: 1 to 64 of a-z, 0-9 and '-._@'.", name));
  return {};
}

struct Accounts::State {
  State(Database database_in, Clock& clock_in, std::chrono::hours life_in)
      : database(std::move(database_in)), clock(clock_in), life(life_in), by_user(clock_in), by_peer(clock_in, 30) {}
  mutable std::mutex mutex;
  Database database;
  Clock& clock;
  const std::chrono::hours life;
  std::string decoy_hash;  // verified for unknown users, so that they take as long as known ones
  SignInThrottle by_user;  // one network on one user
  SignInThrottle by_peer;  // one network on any user
};

Accounts::Accounts() = default;
Accounts::~Accounts() = default;

Result<std::unique_ptr<Accounts>> Accounts::open(const std::filesystem::path& path, Clock& clock,
                                                 std::chrono::hours session_life) {
  LINESIDE_ASSIGN(auto database, Database::open(path));
  std::unique_ptr<Accounts> accounts(new Accounts());
  accounts->state_ = std::make_unique<State>(std::move(database), clock, session_life);
  LINESIDE_ASSIGN(accounts->state_->decoy_hash, hash_password(make_password()));
  LINESIDE_TRY(accounts->forget_expired());
  return accounts;
}

Result<void> Accounts::add_tenant(const std::string& id, const std::string& name) {
  LINESIDE_TRY(check_name("tenant", id));
  std::lock_guard lock(state_->mutex);
  LINESIDE_ASSIGN(auto insert, state_->database.prepare("INSERT OR IGNORE INTO tenant (id, name) VALUES (?, ?)"));
  return insert.bind(1, std::string_view(id)).bind(2, std::string_view(name)).run();
}

Result<std::vector<TenantInfo>> Accounts::tenants() const {
  std::lock_guard lock(state_->mutex);
  LINESIDE_ASSIGN(auto rows, state_->database.prepare(
                                 "SELECT id, name, (SELECT count(*) FROM user WHERE tenant = t.id), "
                                 "(SELECT count(*) FROM gateway WHERE tenant = t.id) FROM tenant t ORDER BY id"));
  std::vector<TenantInfo> tenants;
  for (;;) {
    LINESIDE_ASSIGN(const bool row, rows.step());
    if (!row) return tenants;
    tenants.push_back({rows.text(0), rows.text(1), rows.integer(2), rows.integer(3)});
  }
}

Result<void> Accounts::add_user(const std::string& tenant, const std::string& name, const std::string& password,
                                const std::string& role) {
  LINESIDE_TRY(check_name("tenant", tenant));
  LINESIDE_TRY(check_user_name(name));
  LINESIDE_TRY(check_password_rules(password));
  if (role != "admin" && role != "viewer")
    return fail(ErrorCode::usage, std::format("There is no role '{}': admin or viewer.", role));
  LINESIDE_ASSIGN(const auto hash, hash_password(password));
  std::lock_guard lock(state_->mutex);
  LINESIDE_ASSIGN(auto find, state_->database.prepare("SELECT 1 FROM tenant WHERE id = ?"));
  LINESIDE_ASSIGN(const bool known, find.bind(1, std::string_view(tenant)).step());
  if (!known) return fail(ErrorCode::not_found, std::format("There is no tenant '{}' in this hub.", tenant));
  find.reset();
  LINESIDE_ASSIGN(auto insert,
                  state_->database.prepare("INSERT OR IGNORE INTO user (tenant, name, password_hash, role, created_ns) "
                                           "VALUES (?, ?, ?, ?, ?)"));
  insert.bind(1, std::string_view(tenant)).bind(2, std::string_view(name)).bind(3, std::string_view(hash));
  LINESIDE_TRY(insert.bind(4, std::string_view(role)).bind(5, to_ns(state_->clock.wall())).run());
  if (state_->database.changes() == 0)
    return fail(ErrorCode::usage, std::format("The tenant '{}' has a user '{}' already.", tenant, name));
  return {};
}

Result<void> Accounts::set_password(const std::string& tenant, const std::string& name, const std::string& password) {
  LINESIDE_TRY(check_password_rules(password));
  LINESIDE_ASSIGN(const auto hash, hash_password(password));
  return store_password(tenant, name, hash, "");
}

Result<void> Accounts::store_password(const std::string& tenant, const std::string& name, const std::string& hash,
                                      const std::string& kept_token) {
  std::lock_guard lock(state_->mutex);
  auto& database = state_->database;
  LINESIDE_TRY(database.begin());
  const auto both = [&]() -> Result<void> {
    LINESIDE_ASSIGN(auto update, database.prepare("UPDATE user SET password_hash = ? WHERE tenant = ? AND name = ?"));
    update.bind(1, std::string_view(hash)).bind(2, std::string_view(tenant)).bind(3, std::string_view(name));
    LINESIDE_TRY(update.run());
    if (database.changes() == 0)
      return fail(ErrorCode::not_found, std::format("The tenant '{}' has no user '{}'.", tenant, name));
    LINESIDE_ASSIGN(auto end,
                    database.prepare("DELETE FROM session WHERE tenant = ? AND user = ? AND token_hash <> ?"));
    const auto kept = token_hash(kept_token);
    LINESIDE_TRY(end.bind(1, std::string_view(tenant)).bind(2, std::string_view(name)).bind(3, bytes_of(kept)).run());
    return database.commit();
  }();
  if (!both) database.rollback();
  return both;
}

Result<std::vector<UserInfo>> Accounts::users() const {
  std::lock_guard lock(state_->mutex);
  LINESIDE_ASSIGN(auto rows,
                  state_->database.prepare("SELECT tenant, name, role, created_ns FROM user ORDER BY tenant, name"));
  std::vector<UserInfo> users;
  for (;;) {
    LINESIDE_ASSIGN(const bool row, rows.step());
    if (!row) return users;
    users.push_back({rows.text(0), rows.text(1), rows.text(2), from_ns(rows.integer(3))});
  }
}

Result<std::string> Accounts::stored_hash(const std::string& tenant, const std::string& name) const {
  std::lock_guard lock(state_->mutex);
  LINESIDE_ASSIGN(auto find, state_->database.prepare("SELECT password_hash FROM user WHERE tenant = ? AND name = ?"));
  LINESIDE_ASSIGN(const bool found, find.bind(1, std::string_view(tenant)).bind(2, std::string_view(name)).step());
  return found ? find.text(0) : std::string();
}

std::chrono::seconds Accounts::sign_in_wait(const std::string& tenant, const std::string& name,
                                            const std::string& peer) const {
  const std::string network = network_of(peer);
  return std::max(state_->by_user.wait(one_user_key(tenant, name, network)), state_->by_peer.wait(network));
}

Result<SignedIn> Accounts::sign_in(const std::string& tenant, const std::string& name, const std::string& password,
                                   const std::string& peer) {
  if (const auto wait = sign_in_wait(tenant, name, peer); wait.count() > 0)
    return fail(ErrorCode::limit_reached,
                std::format("Too many wrong passwords. Wait {} s, then try again.", wait.count()));
  const std::string network = network_of(peer), key = one_user_key(tenant, name, network);
  LINESIDE_ASSIGN(const auto hash, stored_hash(tenant, name));
  const bool fits = verify_password(hash.empty() ? state_->decoy_hash : hash, password);
  if (!fits || hash.empty()) {
    state_->by_user.failed(key);
    state_->by_peer.failed(network);
    return fail(ErrorCode::auth_failed, std::string(kWrong));
  }
  state_->by_user.succeeded(key);
  const auto token = make_token();
  const auto digest = token_hash(token);
  {
    std::lock_guard lock(state_->mutex);
    // Only while the password is still the one that was verified: a change in between must end this sign-in too.
    LINESIDE_ASSIGN(auto insert, state_->database.prepare(
                                     "INSERT INTO session (token_hash, tenant, user, expires_ns) SELECT ?, tenant, "
                                     "name, ? FROM user WHERE tenant = ? AND name = ? AND password_hash = ?"));
    insert.bind(1, bytes_of(digest)).bind(2, to_ns(state_->clock.wall() + state_->life));
    insert.bind(3, std::string_view(tenant)).bind(4, std::string_view(name)).bind(5, std::string_view(hash));
    LINESIDE_TRY(insert.run());
    if (state_->database.changes() == 0) return fail(ErrorCode::auth_failed, std::string(kWrong));
  }
  LINESIDE_ASSIGN(auto principal, session(token));
  return SignedIn{token, std::move(principal)};
}

Result<Principal> Accounts::session(const std::string& token) const {
  const auto digest = token_hash(token);
  std::lock_guard lock(state_->mutex);
  LINESIDE_ASSIGN(
      auto find,
      state_->database.prepare("SELECT s.tenant, s.user, u.role, s.expires_ns FROM session s JOIN user u ON u.tenant = "
                               "s.tenant AND u.name = s.user WHERE s.token_hash = ? AND s.expires_ns > ?"));
  LINESIDE_ASSIGN(const bool found, find.bind(1, bytes_of(digest)).bind(2, to_ns(state_->clock.wall())).step());
  if (!found) return fail(ErrorCode::auth_failed, "You are not signed in, or the session has ended.");
  return Principal{find.text(0), find.text(1), find.text(2), from_ns(find.integer(3))};
}

Result<void> Accounts::sign_out(const std::string& token) {
  const auto digest = token_hash(token);
  std::lock_guard lock(state_->mutex);
  LINESIDE_ASSIGN(auto end, state_->database.prepare("DELETE FROM session WHERE token_hash = ?"));
  return end.bind(1, bytes_of(digest)).run();
}

Result<void> Accounts::change_password(const std::string& token, const std::string& current, const std::string& next,
                                       const std::string& peer) {
  LINESIDE_ASSIGN(const auto who, session(token));
  if (const auto wait = sign_in_wait(who.tenant, who.user, peer); wait.count() > 0)
    return fail(ErrorCode::limit_reached,
                std::format("Too many wrong passwords. Wait {} s, then try again.", wait.count()));
  LINESIDE_ASSIGN(const auto hash, stored_hash(who.tenant, who.user));
  if (!verify_password(hash, current)) {
    state_->by_user.failed(one_user_key(who.tenant, who.user, network_of(peer)));
    return fail(ErrorCode::auth_failed, "The current password is wrong.");
  }
  LINESIDE_TRY(check_password_rules(next));
  LINESIDE_ASSIGN(const auto next_hash, hash_password(next));
  return store_password(who.tenant, who.user, next_hash, token);
}

Result<void> Accounts::forget_expired() {
  std::lock_guard lock(state_->mutex);
  LINESIDE_ASSIGN(auto forget, state_->database.prepare("DELETE FROM session WHERE expires_ns <= ?"));
  return forget.bind(1, to_ns(state_->clock.wall())).run();
}

}  // namespace lineside::hub
