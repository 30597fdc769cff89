#include "hub/http/caller.h"

#include <arpa/inet.h>

#include <algorithm>

namespace lineside::hub {
namespace {

bool is_address(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Caller caller_behind(const std::vector<std::string>& proxies, const std::string& peer, bool secure,
                     std::string_view forwarded_for, std::string_view forwarded_proto) {
  Caller caller{peer, secure};
  if (!std::ranges::contains(proxies, peer)) return caller;
  if (forwarded_proto == "https") caller.secure = true;
  while (!forwarded_for.empty()) {
    const auto comma = forwarded_for.rfind(',');
    const std::string last(without_blanks(forwarded_for.substr(comma + 1)));  // npos + 1 is 0: the only one
    if (!is_address(last)) break;
    if (!std::ranges::contains(proxies, last)) {
      caller.address = last;
      break;
    }
    forwarded_for = comma == std::string_view::npos ? std::string_view{} : forwarded_for.substr(0, comma);
  }
  return caller;
}

}  // namespace lineside::hub
