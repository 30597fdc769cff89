#include "hub/http/api.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/time_text.h"
#include "hub/http/json_views.h"
#include "hub/http/tag_views.h"

namespace lineside::hub {
namespace {

constexpr std::string_view kPrefix = "/api/v1/";
constexpr std::size_t kBodyMax = 16 * 1024;

// At least one.
std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const auto end = path.find('/');
    parts.push_back(decode_segment(path.substr(0, end)));
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  if (parts.empty()) parts.emplace_back();
  return parts;
}

Answer json_answer(std::string body) { return {.body = std::move(body)}; }

Answer empty_answer() { return {.status = 204, .content_type = "", .body = ""}; }

Result<int> number(const Request& request, const std::string& name, int fallback, int min, int max) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return fallback;
  int value = 0;
  const auto& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max)
    return fail(ErrorCode::request_invalid,
                std::format("'{}' has to be a whole number from {} to {}.", name, min, max));
  return value;
}

Result<std::uint64_t> natural(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(ErrorCode::not_found, "There is nothing at this address.");
  return value;
}

// A time in ms since 1970; as it was where the request does not say.
Result<void> read_time(const Request& request, const std::string& name, WallTime& time) {
  constexpr std::int64_t kMax = 9'000'000'000'000;  // in nanoseconds it fits into 63 bits
  const auto found = request.query.find(name);
  if (found == request.query.end()) return {};
  std::int64_t ms = 0;
  const auto& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc{} || end != text.data() + text.size() || ms < 0 || ms > kMax)
    return fail(ErrorCode::request_invalid, std::format("'{}' has to be a time in ms since 1970.", name));
  time = WallTime{std::chrono::milliseconds{ms}};
  return {};
}

// A JSON object whose named fields are texts. Anything else in it is an error: nothing is silently ignored.
Result<std::map<std::string, std::string>> text_fields(const Request& request, const std::vector<std::string>& names) {
  if (!request.content_type.starts_with("application/json"))
    return fail(ErrorCode::request_invalid, "The content type has to be application/json.");
  if (request.body.size() > kBodyMax) return fail(ErrorCode::request_invalid, "The request's body is too long.");
  const auto json = nlohmann::json::parse(request.body, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::request_invalid, "The body has to be a JSON object.");
  std::map<std::string, std::string> fields;
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(names, key) == names.end() || !value.is_string())
      return fail(ErrorCode::request_invalid, "The body has a field that does not belong there or is not a text.");
    fields[key] = value.get<std::string>();
  }
  return fields;
}

// A step that gives at most about 240 points.
std::chrono::seconds step_for(std::chrono::minutes span) {
  for (const int step : {10, 60, 300, 900, 3600})
    if (std::chrono::seconds(span).count() / step <= 240) return std::chrono::seconds{step};
  return std::chrono::seconds{3600};
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::auth_failed:
      return 401;
    case ErrorCode::auth_forbidden:
      return 403;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::request_invalid:
    case ErrorCode::usage:
      return 400;
    case ErrorCode::limit_reached:
      return 429;
    default:
      return 500;
  }
}

// Takes the same time wherever they differ.
bool same_secret(const std::string& given, const std::string& right) {
  return given.size() == right.size() && CRYPTO_memcmp(given.data(), right.data(), right.size()) == 0;
}

std::unexpected<Error> nothing_here() { return fail(ErrorCode::not_found, "There is nothing at this address."); }

}  // namespace

std::string decode_segment(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string cookie_name(bool secure) { return secure ? "__Host-lineside" : "lineside"; }

std::string session_cookie(const std::string& token, bool secure, std::chrono::hours life) {
  return std::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}", cookie_name(secure), token,
                     token.empty() ? 0 : std::chrono::seconds(life).count(), secure ? "; Secure" : "");
}

bool same_origin(const std::string& origin, const std::string& host) {
  if (origin.empty()) return true;  // not a browser, or a browser's plain GET
  const auto scheme_end = origin.find("://");
  return scheme_end != std::string::npos && !host.empty() && origin.substr(scheme_end + 3) == host;
}

bool asks_for_tags(std::string_view path) {
  return path.starts_with(kPrefix) && segments(path.substr(kPrefix.size())).front() == "tags";
}

Answer problem(int status, const Error& error) {
  return {.status = status, .content_type = "application/problem+json", .body = problem_json(status, error)};
}

Answer problem(const Error& error) {
  // The reason inside a server's failure is for its log, not for whoever asks.
  const int status = status_of(error.code);
  if (status == 500) return problem(500, {error.code, "The hub could not answer; its log says why."});
  if (error.code == ErrorCode::usage) return problem(status, {ErrorCode::request_invalid, error.message});
  return problem(status, error);
}

Api::Api(ApiContext& context, Queries queries) : context_(context), queries_(std::move(queries)) {}

Answer Api::handle(const Request& request) {
  try {
    auto answer = route(request);
    if (answer) return std::move(*answer);
    if (status_of(answer.error().code) == 500)
      log(LogLevel::error, "http", "a request failed", {{"path", request.path}, {"reason", to_string(answer.error())}});
    return problem(answer.error());
  } catch (const std::exception& error) {
    log(LogLevel::error, "http", "a request failed", {{"path", request.path}, {"reason", std::string(error.what())}});
    return problem({ErrorCode::internal, ""});
  }
}

Result<Answer> Api::route(const Request& request) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/healthz" && reads) return health();
  if (request.path == "/metrics" && reads) {
    // By token and not by address: behind a TLS proxy every request comes from this machine.
    if (context_.metrics_token.empty())
      return fail(ErrorCode::auth_forbidden, "Metrics are not served: metrics_token_file is not set.");
    if (!same_secret(request.authorization, "Bearer " + context_.metrics_token))
      return fail(ErrorCode::auth_failed, "Metrics need the token of metrics_token_file: Authorization: Bearer TOKEN.");
    return Answer{.content_type = "text/plain; version=0.0.4", .body = context_.metrics.prometheus_text()};
  }
  if (!request.path.starts_with(kPrefix)) return nothing_here();
  if (!reads && !same_origin(request.origin, request.host))
    return fail(ErrorCode::auth_forbidden, "This request was started by another site.");
  if (request.path == "/api/v1/session" || request.path == "/api/v1/me/password") return session_routes(request);
  LINESIDE_ASSIGN(const auto who, context_.accounts.session(request.token));
  const auto path = segments(std::string_view(request.path).substr(kPrefix.size()));
  if (path.front() == "assets" && path.size() != 2) return asset_routes(request, who, path);
  if (path.front() == "alarms") return alarm_routes(request, who, path);
  if (!reads) return nothing_here();
  return data_routes(request, who, path);
}

Result<Answer> Api::session_routes(const Request& request) {
  if (request.path == "/api/v1/me/password" && request.method == "POST") return change_password(request);
  if (request.path == "/api/v1/session" && request.method == "POST") return sign_in(request);
  if (request.path == "/api/v1/session" && request.method == "DELETE") {
    LINESIDE_TRY(context_.accounts.sign_out(request.token));
    auto answer = empty_answer();
    answer.headers.emplace_back("Set-Cookie", session_cookie("", request.secure, context_.session_life));
    return answer;
  }
  return nothing_here();
}

Result<Answer> Api::sign_in(const Request& request) {
  LINESIDE_ASSIGN(auto fields, text_fields(request, {"tenant", "user", "password"}));
  const std::string tenant = fields["tenant"].empty() ? "default" : fields["tenant"];
  auto signed_in = context_.accounts.sign_in(tenant, fields["user"], fields["password"], request.peer);
  if (!signed_in) {
    auto answer = problem(signed_in.error());
    const auto wait = context_.accounts.sign_in_wait(tenant, fields["user"], request.peer);
    if (wait.count() > 0) answer.headers.emplace_back("Retry-After", std::to_string(wait.count()));
    return answer;
  }
  auto answer = json_answer(me_json(signed_in->principal));
  answer.headers.emplace_back("Set-Cookie", session_cookie(signed_in->token, request.secure, context_.session_life));
  return answer;
}

Result<Answer> Api::change_password(const Request& request) {
  LINESIDE_ASSIGN(auto fields, text_fields(request, {"current", "next"}));
  if (context_.deeds == nullptr) return nothing_here();
  LINESIDE_ASSIGN(const auto who, context_.accounts.session(request.token));
  const auto changed = context_.deeds->run({who, request.peer, "password.change", {}}, [&] {
    return context_.accounts.change_password(request.token, fields["current"], fields["next"], request.peer);
  });
  if (changed) return empty_answer();
  // 400, not 401: the session itself is fine, and the page must not throw the user out of it.
  if (changed.error().code == ErrorCode::auth_failed) return problem(400, changed.error());
  return std::unexpected(changed.error());
}

Result<Answer> Api::data_routes(const Request& request, const Principal& who, const std::vector<std::string>& path) {
  const auto& first = path.front();
  if (first == "tags") return tag_routes(request, who, path);
  if (path.size() == 1) {
    if (first == "me") return json_answer(me_json(who));
    if (first == "stations") return json_answer(stations_json(context_.board.stations(who.tenant)));
    if (first == "gateways") {
      LINESIDE_ASSIGN(const auto rows, queries_.gateways(who.tenant));
      return json_answer(gateways_json(rows, context_.board.gateways(who.tenant)));
    }
    const auto gateway = request.query.find("gateway");
    const auto of = gateway == request.query.end() ? std::string() : gateway->second;
    LINESIDE_ASSIGN(const int limit, number(request, "limit", 50, 1, 500));
    if (first == "events") {
      LINESIDE_ASSIGN(const auto rows, queries_.events(who.tenant, of, limit));
      return json_answer(events_json(rows));
    }
    if (first == "losses") {
      LINESIDE_ASSIGN(const auto rows, queries_.losses(who.tenant, of, limit));
      return json_answer(losses_json(rows));
    }
  }
  if (first == "stations" && path.size() == 4) return station_routes(request, who, path);
  if (first == "pictures" && path.size() == 5) return picture(who, path);
  return nothing_here();
}

Result<Answer> Api::station_routes(const Request& request, const Principal& who, const std::vector<std::string>& path) {
  const StationId id{path[1], path[2]};
  LINESIDE_ASSIGN(const auto newest, queries_.newest_summaries(who.tenant, id, 1));
  if (newest.empty()) return fail(ErrorCode::not_found, "There is no such station.");
  const auto& what = path[3];
  if (what == "rejects") {
    LINESIDE_ASSIGN(const int limit, number(request, "limit", 24, 1, 200));
    LINESIDE_ASSIGN(const auto rows, queries_.rejects(who.tenant, id, limit));
    return json_answer(rejects_json(rows));
  }
  LINESIDE_ASSIGN(const int minutes, number(request, "minutes", 60, 1, what == "latency" ? 24 * 60 : 7 * 24 * 60));
  const std::chrono::minutes span{minutes};
  const auto step = step_for(span);
  if (what == "series") {
    // Whole steps, so that a reload draws the same points again; the last one is still filling.
    const auto since = std::chrono::ceil<std::chrono::seconds>(context_.clock.wall()).time_since_epoch();
    const WallTime to{(since / step + 1) * step};
    const WallTime from = to - std::chrono::ceil<std::chrono::seconds>(span) / step * step;
    LINESIDE_ASSIGN(const auto points, queries_.series(who.tenant, id, from, to, step));
    return json_answer(series_json(points, from, to, step));
  }
  if (what == "latency") {
    const auto to = context_.clock.wall();
    LINESIDE_ASSIGN(const auto buckets, queries_.latency(who.tenant, id, to - span, to));
    return json_answer(latency_json(buckets, newest.front().deadline_ns, to - span, to));
  }
  return nothing_here();
}

Result<Answer> Api::asset_routes(const Request& request, const Principal& who, const std::vector<std::string>& path) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (path.size() == 1 && reads) {
    LINESIDE_ASSIGN(const auto rows, queries_.assets(who.tenant));
    return json_answer(assets_json(rows));
  }
  if (path.size() < 3 || path.size() > 4) return nothing_here();
  const AssetId id{path[1], path[2]};
  LINESIDE_ASSIGN(const auto asset, queries_.asset(who.tenant, id));
  if (!asset) return fail(ErrorCode::not_found, "There is no such asset.");
  const std::string what = path.size() == 4 ? path[3] : "";
  if (!reads) return what == "feedback" && request.method == "POST" ? give_feedback(request, who, id) : nothing_here();
  if (what.empty()) return json_answer(asset_json(*asset));
  if (what == "events") {
    LINESIDE_ASSIGN(const int limit, number(request, "limit", 30, 1, 200));
    LINESIDE_ASSIGN(const auto rows, queries_.asset_events(who.tenant, id, limit));
    return json_answer(asset_events_json(rows));
  }
  if (what != "series") return nothing_here();
  LINESIDE_ASSIGN(const int minutes, number(request, "minutes", 60, 1, 90 * 24 * 60));
  const std::chrono::minutes span{minutes};
  const auto step = std::max(std::chrono::seconds{1}, std::chrono::ceil<std::chrono::seconds>(span / 300));
  const WallTime to = context_.clock.wall();
  LINESIDE_ASSIGN(const auto points, queries_.asset_series(who.tenant, id, to - span, to, step));
  return json_answer(asset_series_json(points, to - span, to, step));
}

Result<Answer> Api::alarm_routes(const Request& request, const Principal& who, const std::vector<std::string>& path) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (path.size() == 1 && reads) {
    LINESIDE_ASSIGN(const int limit, number(request, "limit", 100, 1, 2000));
    LINESIDE_ASSIGN(const auto list, queries_.alarms(who.tenant, context_.clock.wall(), limit));
    return json_answer(alarms_json(list));
  }
  const bool can_do = context_.store != nullptr && context_.deeds != nullptr;
  if (path.size() != 2 || path[1] != "acknowledge" || request.method != "POST" || !can_do) return nothing_here();
  if (who.role != "admin") return fail(ErrorCode::auth_forbidden, "A viewer can't acknowledge alarms; an admin can.");
  LINESIDE_ASSIGN(auto fields, text_fields(request, {"gateway", "asset", "kind", "event_id", "since"}));
  const auto since = from_iso8601(fields["since"]);
  if (!since) return fail(ErrorCode::request_invalid, "'since' has to be the alarm's own.");
  const SeenAlarm seen{{fields["gateway"], fields["asset"], fields["kind"]}, fields["event_id"], *since};
  LINESIDE_TRY(context_.deeds->run({who, request.peer, "alarm.acknowledge", fields},
                                   [&] { return context_.store->acknowledge_alarm(who.tenant, seen, who.user); }));
  log(LogLevel::info, "http", "an alarm is acknowledged",
      {{"tenant", who.tenant}, {"user", who.user}, {"gateway", seen.id.gateway}, {"asset", seen.id.asset}});
  return empty_answer();
}

Result<Answer> Api::tag_routes(const Request& request, const Principal& who, const std::vector<std::string>& path) {
  if (context_.tags == nullptr || path.size() < 2 || path.size() > 3) return nothing_here();
  const std::string& gateway = path[1];
  if (path.size() == 2) {
    const auto text = [&](const char* name) {
      const auto found = request.query.find(name);
      return found == request.query.end() ? std::string() : found->second;
    };
    LINESIDE_ASSIGN(const int limit, number(request, "limit", 500, 1, TagDesk::kPageMax));
    LINESIDE_ASSIGN(const auto list,
                    context_.tags->newest(queries_, who.tenant, gateway,
                                          {text("find"), text("after"), static_cast<std::size_t>(limit)}));
    return json_answer(tags_json(list));
  }
  const auto tag = request.query.find("tag");
  if (path[2] != "history" || tag == request.query.end()) return nothing_here();
  LINESIDE_ASSIGN(const int minutes, number(request, "minutes", 60, 1, 90 * 24 * 60));
  LINESIDE_ASSIGN(const int points, number(request, "points", 1000, 10, 5000));
  WallTime to = context_.clock.wall();
  LINESIDE_TRY(read_time(request, "to_ms", to));
  WallTime from = to - std::chrono::minutes{minutes};
  LINESIDE_TRY(read_time(request, "from_ms", from));
  LINESIDE_ASSIGN(const auto history, context_.tags->history(queries_, who.tenant, gateway, tag->second, from, to,
                                                             static_cast<std::size_t>(points)));
  if (!history) return fail(ErrorCode::not_found, "There is no such tag in this period.");
  return json_answer(tag_history_json(tag->second, *history, from, to));
}

Result<Answer> Api::give_feedback(const Request& request, const Principal& who, const AssetId& id) {
  if (who.role != "admin") return fail(ErrorCode::auth_forbidden, "A viewer can't judge events; an admin can.");
  LINESIDE_ASSIGN(auto fields, text_fields(request, {"event_id", "judgement", "note"}));
  if (!std::ranges::contains(std::array{"normal", "fault", "unsure"}, fields["judgement"]))
    return fail(ErrorCode::request_invalid, "The judgement has to be normal, fault or unsure.");
  LINESIDE_ASSIGN(const auto events, queries_.asset_events(who.tenant, id, 200));
  if (std::ranges::none_of(events, [&](const auto& e) { return e.row.event.id == fields["event_id"]; }))
    return fail(ErrorCode::not_found, "There is no such event of this asset among its newest 200.");
  if (context_.store == nullptr || context_.deeds == nullptr) return nothing_here();
  const Feedback feedback{id.gateway, id.asset, fields["event_id"], fields["judgement"], fields["note"], who.user, {}};
  fields["gateway"] = id.gateway;
  fields["asset"] = id.asset;
  LINESIDE_TRY(context_.deeds->run({who, request.peer, "event.judge", fields},
                                   [&] { return context_.store->add_feedback(who.tenant, feedback); }));
  log(LogLevel::info, "http", "feedback on an event",
      {{"tenant", who.tenant}, {"user", who.user}, {"event", feedback.event_id}, {"judgement", feedback.judgement}});
  return empty_answer();
}

Result<Answer> Api::picture(const Principal& who, const std::vector<std::string>& path) {
  if (path[2] != "urgent" && path[2] != "bulk") return nothing_here();
  PictureId id{path[2] == "urgent" ? Lane::urgent : Lane::bulk, 0, 0, ""};
  LINESIDE_ASSIGN(id.epoch, natural(path[3]));
  LINESIDE_ASSIGN(id.sequence, natural(path[4]));
  LINESIDE_ASSIGN(auto jpeg, queries_.picture(who.tenant, path[1], id));
  if (!jpeg) return fail(ErrorCode::not_found, "There is no such picture.");
  Answer answer{.content_type = "image/jpeg", .body = std::string(jpeg->begin(), jpeg->end())};
  // A picture never changes, but only this user's browser may keep it.
  answer.headers.emplace_back("Cache-Control", "private, max-age=86400, immutable");
  return answer;
}

Answer Api::health() const {
  const bool broker = context_.broker_connected && context_.broker_connected();
  return json_answer(std::format(R"({{"status":"{}","broker_connected":{}}})", broker ? "ok" : "degraded", broker));
}

}  // namespace lineside::hub
