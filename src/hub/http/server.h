#pragma once
// HTTP and WebSocket by Drogon: this is the only place that knows it. Serves the page, the interface of
// schema/openapi.yaml and /ws/live.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "hub/http/api.h"
#include "hub/http/live.h"

namespace lineside::hub {

struct ServerSettings {
  std::string address = "127.0.0.1";
  int port = 8780;
  std::string cert_file, key_file;           // both empty: plain HTTP, on loopback addresses only
  std::filesystem::path database;            // for the queries of the worker threads
  std::vector<std::string> trusted_proxies;  // addresses; see caller.h
};

// One in a process, and once (Drogon's application is a singleton). Threads: Drogon's own, two that answer queries, one
// that checks passwords, one that decodes readings of tags. Requests wait in bounded queues; when these are full the
// answer is 503.
class Server {
 public:
  // Checks address, port and certificates first, because Drogon ends the process when it can't listen, and refuses
  // certificates when Drogon has no TLS (Debian 13's has none), instead of serving plain HTTP. Returns when it listens.
  // Errors: address_in_use, config_invalid, file_not_found, file_format, database, timeout (10 s).
  static Result<std::unique_ptr<Server>> start(const ServerSettings& settings, ApiContext& context, LiveFeed& feed);
  ~Server();  // stops listening and joins its threads

 private:
  Server();
  struct State;
  std::unique_ptr<State> state_;
};

bool is_loopback(const std::string& address);

}  // namespace lineside::hub
