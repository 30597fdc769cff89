#pragma once
// Defence against DNS rebinding: a web page elsewhere can point its own name at 127.0.0.1, but then the browser says
// that name in the Host header (RFC 9110, 7.2).
#include <string>
#include <string_view>

namespace lineside::gateway {

// True for an IPv4 address, an IPv6 address in brackets, "localhost", `machine` and `machine`.local, any case, each
// with or without a port.
bool is_own_host(std::string_view host_header, std::string_view machine);

}  // namespace lineside::gateway
