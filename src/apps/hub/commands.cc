#include "apps/hub/commands.h"

#include <algorithm>
#include <cstdio>
#include <format>

#include "audit/audit_log.h"
#include "base/file.h"
#include "hub/auth/accounts.h"
#include "hub/auth/passwords.h"
#include "hub/store/store.h"

namespace lineside::hub {
namespace {

constexpr std::string_view kAdmin = "admin";

void say(const std::string& line) { std::puts(line.c_str()); }

fs::path database_in(const fs::path& data) { return data / "hub.db"; }

Result<std::unique_ptr<Accounts>> open_accounts(const fs::path& data) {
  if (!fs::exists(database_in(data)))
    return fail(ErrorCode::file_not_found, std::format("{} is not there: run `lineside-hub init --data {}` first.",
                                                       database_in(data).string(), data.string()));
  return Accounts::open(database_in(data), system_clock(), std::chrono::hours{1});
}

// The file's first line, or a new password that the caller has to show.
struct ChosenPassword {
  std::string text;
  bool generated = false;
};

Result<ChosenPassword> choose_password(const std::string& file) {
  if (file.empty()) return ChosenPassword{make_password(), true};
  LINESIDE_ASSIGN(const auto content, read_text(file, 4096));
  return ChosenPassword{content.substr(0, content.find_first_of("\r\n")), false};
}

void show(const ChosenPassword& password, const std::string& tenant, const std::string& name) {
  if (!password.generated) return;
  say(std::format("\n  user      {}\n  password  {}", name, password.text));
  if (tenant != "default") say(std::format("  tenant    {}", tenant));
  say("\nThe password is shown this once; only its hash is kept.");
}

Result<void> first_user(const fs::path& data, const std::string& password_file) {
  LINESIDE_ASSIGN(const auto accounts, open_accounts(data));
  LINESIDE_TRY(accounts->add_tenant("default", "Default"));
  LINESIDE_ASSIGN(const auto users, accounts->users());
  if (!users.empty()) {
    say(std::format("there  {} user(s); `lineside-hub user list --data {}` shows them", users.size(), data.string()));
    return {};
  }
  LINESIDE_ASSIGN(const auto password, choose_password(password_file));
  LINESIDE_TRY(accounts->add_user("default", std::string(kAdmin), password.text, "admin"));
  say("made   the first user");
  show(password, "default", std::string(kAdmin));
  return {};
}

}  // namespace

Result<int> init_site(const SiteOptions& options, const std::string& admin_password_file) {
  LINESIDE_ASSIGN(const auto notes, make_site_files(options, system_clock()));
  for (const auto& note : notes) say(std::format("{}  {} ({})", note.made ? "made " : "there", note.file, note.what));
  const bool had_database = fs::exists(database_in(options.data));
  {
    MetricsRegistry metrics;
    LINESIDE_TRY(Store::open(database_in(options.data), system_clock(), metrics));
  }
  say(std::format("{}  {} (the database)", had_database ? "there" : "made ", database_in(options.data).string()));
  LINESIDE_TRY(first_user(options.data, admin_password_file));
  say(std::format("\nNext: mosquitto -c {0}/mosquitto.conf\n      lineside-hub serve --config {0}/hub.yaml",
                  fs::canonical(options.data).string()));
  return 0;
}

Result<int> add_user(const UserOptions& options) {
  LINESIDE_ASSIGN(const auto accounts, open_accounts(options.data));
  LINESIDE_ASSIGN(const auto password, choose_password(options.password_file));
  LINESIDE_TRY(accounts->add_user(options.tenant, options.name, password.text, options.role));
  say(std::format("made   user {} of tenant {}, role {}", options.name, options.tenant, options.role));
  show(password, options.tenant, options.name);
  return 0;
}

Result<int> change_user_password(const UserOptions& options) {
  LINESIDE_ASSIGN(const auto accounts, open_accounts(options.data));
  LINESIDE_ASSIGN(const auto password, choose_password(options.password_file));
  LINESIDE_TRY(accounts->set_password(options.tenant, options.name, password.text));
  say(std::format("The password of {} is changed, and every session of this user has ended.", options.name));
  show(password, options.tenant, options.name);
  return 0;
}

Result<int> list_users(const fs::path& data) {
  LINESIDE_ASSIGN(const auto accounts, open_accounts(data));
  LINESIDE_ASSIGN(const auto users, accounts->users());
  say(std::format("{:<20} {:<24} {:<8} {}", "tenant", "user", "role", "since"));
  for (const auto& user : users)
    say(std::format("{:<20} {:<24} {:<8} {}", user.tenant, user.name, user.role, to_rfc3339(user.created)));
  return 0;
}

Result<int> show_audit(const fs::path& data, const std::string& expected, bool json) {
  const auto each = [&](const audit::Line& line) {
    if (json) say(std::string(line.entry));
  };
  LINESIDE_ASSIGN(const std::string said, audit::report(audit::folder_in(data), expected, each));
  std::fputs((said + "\n").c_str(), json ? stderr : stdout);
  return 0;
}

Result<int> list_tenants(const fs::path& data) {
  LINESIDE_ASSIGN(const auto accounts, open_accounts(data));
  LINESIDE_ASSIGN(const auto tenants, accounts->tenants());
  say(std::format("{:<20} {:>6} {:>9}  {}", "tenant", "users", "gateways", "title"));
  for (const auto& tenant : tenants)
    say(std::format("{:<20} {:>6} {:>9}  {}", tenant.id, tenant.users, tenant.gateways, tenant.name));
  return 0;
}

Result<int> enroll(const fs::path& data, const std::string& tenant, const std::string& gateway, const fs::path& out) {
  LINESIDE_TRY(check_name("tenant", tenant));
  LINESIDE_ASSIGN(const auto accounts, open_accounts(data));
  LINESIDE_ASSIGN(const auto tenants, accounts->tenants());
  if (std::ranges::find(tenants, tenant, &TenantInfo::id) == tenants.end())
    return fail(ErrorCode::not_found,
                std::format("There is no tenant '{0}' in this hub: `lineside-hub tenant list --data {1}` shows them, "
                            "`lineside-hub tenant add {0} --data {1}` makes it.",
                            tenant, data.string()));
  LINESIDE_TRY(enroll_gateway(data, tenant, gateway, out, system_clock()));
  say(std::format("made   {}/gateway.crt, gateway.key and ca.crt: gateway {} of tenant {}", out.string(), gateway,
                  tenant));
  return 0;
}

Result<int> add_tenant(const fs::path& data, const std::string& id, const std::string& name) {
  LINESIDE_ASSIGN(const auto accounts, open_accounts(data));
  LINESIDE_TRY(accounts->add_tenant(id, name.empty() ? id : name));
  say(std::format(
      "The tenant {} is there. Its first user: lineside-hub user add NAME --tenant {} --role admin --data {}", id, id,
      data.string()));
  return 0;
}

}  // namespace lineside::hub
