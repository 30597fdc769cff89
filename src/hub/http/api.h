#pragma once
// The hub's HTTP interface (schema/openapi.yaml) without a transport: requests in, answers out. Every question is asked
// with the tenant of the caller's session; a request without a session learns nothing but that.
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "hub/auth/accounts.h"
#include "hub/http/board.h"
#include "hub/http/deed_log.h"
#include "hub/store/queries.h"
#include "hub/tags/tag_desk.h"

namespace lineside::hub {

struct Request {
  std::string method, path;                  // "GET", "/api/v1/me" (still percent-encoded)
  std::map<std::string, std::string> query;  // decoded
  std::string token;                         // of the session cookie, "" none
  std::string origin, host, content_type, body;
  std::string peer;           // the caller's IP address
  std::string authorization;  // the header as it came
  bool secure = false;        // it came over TLS: the cookie gets Secure and the __Host- prefix
};

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct ApiContext {
  Accounts& accounts;
  Board& board;
  Clock& clock;
  MetricsRegistry& metrics;
  std::chrono::hours session_life{12};
  std::function<bool()> broker_connected;  // for /healthz
  std::string metrics_token;               // for /metrics; empty: not served
  Store* store = nullptr;                  // takes feedback and acknowledgements; null: they are refused
  DeedLog* deeds = nullptr;                // where they are written down first; null: they are refused too
  TagDesk* tags = nullptr;                 // null: there are no tags
};

// The cookie's name, and what Set-Cookie says for a token ("" ends it).
std::string cookie_name(bool secure);
std::string session_cookie(const std::string& token, bool secure, std::chrono::hours life);

// False for a browser's request that another site started (RFC 6454: an Origin that is not the one asked).
bool same_origin(const std::string& origin, const std::string& host);

// Percent-decoding of one path segment.
std::string decode_segment(std::string_view text);

// Whether a path is about tags: their readings are decoded for the answer, which may take seconds.
bool asks_for_tags(std::string_view path);

Answer problem(int status, const Error& error);
Answer problem(const Error& error);  // status by code

// Owner thread only (it owns its Queries); several may run side by side on one context.
class Api {
 public:
  Api(ApiContext& context, Queries queries);
  // Never throws; a failure inside becomes a problem with status 500.
  Answer handle(const Request& request);

 private:
  Result<Answer> route(const Request& request);
  Result<Answer> session_routes(const Request& request);
  Result<Answer> data_routes(const Request& request, const Principal& who, const std::vector<std::string>& path);
  Result<Answer> station_routes(const Request& request, const Principal& who, const std::vector<std::string>& path);
  Result<Answer> asset_routes(const Request& request, const Principal& who, const std::vector<std::string>& path);
  Result<Answer> alarm_routes(const Request& request, const Principal& who, const std::vector<std::string>& path);
  Result<Answer> tag_routes(const Request& request, const Principal& who, const std::vector<std::string>& path);
  Result<Answer> give_feedback(const Request& request, const Principal& who, const AssetId& id);
  Result<Answer> sign_in(const Request& request);
  Result<Answer> change_password(const Request& request);
  Result<Answer> picture(const Principal& who, const std::vector<std::string>& path);
  Answer health() const;

  ApiContext& context_;
  Queries queries_;
};

}  // namespace lineside::hub
