#pragma once
// The files of a hub's data folder: certificate authority, certificates of broker and hub, a broker configuration that
// trusts nobody else, and hub.yaml. All is made once; what is there already is left alone.
//   ca.crt ca.key                 the authority; whoever has ca.key can make gateways
//   broker.crt broker.key         the broker's server certificate, good for a TLS proxy before the page too
//   hub.crt hub.key               the hub's client certificate, CN "lineside-hub"
//   mosquitto.conf mosquitto.acl  the broker: TLS, client certificates only, each to its own topics
//   hub.yaml                      the hub's settings
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::hub {

struct SiteOptions {
  std::filesystem::path data;
  std::vector<std::string> hosts;  // further names and addresses that broker and page are reached at;
                                   // without any the broker listens on this machine only
  int broker_port = 8883;
  int http_port = 8780;
};

struct FileNote {
  std::string file, what;
  bool made = false;  // false: was there
};

// Errors: usage, file_io, disk_full, file_format, internal. Safe to run again after any of them.
Result<std::vector<FileNote>> make_site_files(const SiteOptions& options, Clock& clock);

// A new client certificate for a gateway: gateway.crt, gateway.key and ca.crt in `out`. The certificate's common name
// is TENANT/GATEWAY, which the broker takes as the user name: so it can use only lineside/v1/TENANT/GATEWAY/. An
// existing gateway.key is never overwritten. Errors: usage, file_not_found (no authority: run init), file_io,
// disk_full.
Result<void> enroll_gateway(const std::filesystem::path& data, const std::string& tenant, const std::string& gateway,
                            const std::filesystem::path& out, Clock& clock);

}  // namespace lineside::hub
