#include "training/output.h"

#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <format>
#include <system_error>

#include "base/clock.h"

namespace lineside::training {

std::string name_from(const std::filesystem::path& file, std::string_view otherwise) {
  std::string name;
  for (const char c : file.stem().string()) {
    const bool allowed = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
    name += allowed ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '-';
  }
  return name.empty() ? std::string(otherwise) : name.substr(0, 64);
}

std::string created_at() {
  const char* epoch = std::getenv("SOURCE_DATE_EPOCH");
  if (epoch == nullptr) return "";
  return to_rfc3339(WallTime{std::chrono::seconds{std::strtoll(epoch, nullptr, 10)}});
}

Result<bundle::SigningKey> signing_key(const std::filesystem::path& wanted,
                                       const std::function<void(const std::string&)>& say) {
  const std::filesystem::path path = wanted.empty() ? bundle::SigningKey::default_path() : wanted;
  std::error_code ignored;
  const bool there = std::filesystem::exists(path, ignored);
  LINESIDE_ASSIGN(auto key, bundle::SigningKey::load_or_create(path));
  if (!there) say(std::format("made a signing key: {0}; gateways trust {0}.pub", path.string()));
  return key;
}

Result<void> check_writable(const std::filesystem::path& out) {
  std::error_code error;
  const auto folder = out.has_parent_path() ? out.parent_path() : std::filesystem::path(".");
  if (!std::filesystem::is_directory(folder, error))
    return fail(ErrorCode::file_not_found,
                std::format("--out {}: there is no folder {}", out.string(), folder.string()));
  if (std::filesystem::is_directory(out, error))
    return fail(ErrorCode::file_io, std::format("--out {0} is a folder: name a file, such as {0}.lsb", out.string()));
  if (::access(folder.c_str(), W_OK) != 0)
    return fail(ErrorCode::file_io, std::format("--out {}: can't write to {}: {}", out.string(), folder.string(),
                                                std::generic_category().message(errno)));
  return {};
}

}  // namespace lineside::training
