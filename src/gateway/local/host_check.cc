#include "gateway/local/host_check.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace lineside::gateway {
namespace {

bool is_address(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(family, text.c_str(), address.data()) == 1;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

bool is_own_host(std::string_view host_header, std::string_view machine) {
  std::string_view host = host_header;
  const auto bracket = host.starts_with('[') ? host.find(']') : std::string_view::npos;
  const auto colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    if (!is_port(host.substr(colon + 1))) return false;
    host = host.substr(0, colon);
  }
  if (host.starts_with('['))
    return host.ends_with(']') && is_address(AF_INET6, std::string(host.substr(1, host.size() - 2)));
  const std::string name = lower(host);
  if (is_address(AF_INET, name) || name == "localhost") return true;
  const std::string own = lower(machine);
  return !own.empty() && (name == own || name == own + ".local");
}

}  // namespace lineside::gateway
