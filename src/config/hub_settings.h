#pragma once
// The hub's settings; see gateway_settings.h for how they are made and documented (hub_schema.cc).
#include <cstdint>
#include <string>
#include <vector>

#include "model/broker_access.h"

namespace lineside::config {

struct HubSettings {
  std::string data_dir;  // hub.db, the certificate authority
  BrokerAccess broker;
  std::string http_address = "127.0.0.1";
  int http_port = 8780;
  std::string http_cert_file, http_key_file;      // both empty: plain HTTP, only allowed on loopback
  std::vector<std::string> http_trusted_proxies;  // addresses whose X-Forwarded headers are believed
  std::string metrics_token_file;                 // empty: /metrics is not served
  int session_hours = 12;
  int keep_days = 30;  // verdicts and summaries older than this are deleted; 0: kept for ever
};

}  // namespace lineside::config
