#pragma once
// What lineside-hub's commands do.
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "hub/auth/site_files.h"

namespace lineside::hub {

struct UserOptions {
  std::filesystem::path data;
  std::string tenant = "default", name, role = "viewer", password_file;
};

// Certificates, settings, database and the first user; says on standard output what it made and what was there.
Result<int> init_site(const SiteOptions& options, const std::string& admin_password_file);
Result<int> add_user(const UserOptions& options);
Result<int> change_user_password(const UserOptions& options);
Result<int> list_users(const std::filesystem::path& data);
// The log of what people did: verified, and with `json` printed.
Result<int> show_audit(const std::filesystem::path& data, const std::string& expected, bool json);
Result<int> list_tenants(const std::filesystem::path& data);
// A gateway of a tenant that nobody made would be shown to nobody: not_found.
Result<int> enroll(const std::filesystem::path& data, const std::string& tenant, const std::string& gateway,
                   const std::filesystem::path& out);
Result<int> add_tenant(const std::filesystem::path& data, const std::string& id, const std::string& name);

// Runs until SIGINT or SIGTERM.
Result<int> serve(const std::filesystem::path& config);

}  // namespace lineside::hub
