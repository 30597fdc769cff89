#pragma once
// Whom a request is from, where a TLS proxy stands between.
#include <string>
#include <string_view>
#include <vector>

namespace lineside::hub {

struct Caller {
  std::string address;
  bool secure = false;  // the caller's own connection is TLS
};

// `peer`: who is connected to the hub; `secure`: by TLS. The headers X-Forwarded-For (addresses separated by commas,
// each proxy puts the one it was asked by at the end) and X-Forwarded-Proto are believed only from one of `proxies`:
// everybody else could write anything into them. The caller is the last address of the chain that is none of `proxies`;
// where that is no IP address, `peer`.
Caller caller_behind(const std::vector<std::string>& proxies, const std::string& peer, bool secure,
                     std::string_view forwarded_for, std::string_view forwarded_proto);

}  // namespace lineside::hub
