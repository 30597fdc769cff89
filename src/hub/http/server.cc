#include "hub/http/server.h"

#include <drogon/HttpAppFramework.h>
#include <drogon/WebSocketController.h>
#include <drogon/utils/Utilities.h>

#include <future>

#include "base/fair_queue.h"
#include "base/log.h"
#include "hub/auth/throttle.h"
#include "hub/http/caller.h"
#include "hub/http/drogon_log.h"
#include "hub/http/listen_check.h"
#include "hub/http/page_assets.h"

namespace lineside::hub {
namespace {

using drogon::HttpRequestPtr;
using drogon::HttpResponsePtr;
using drogon::WebSocketConnectionPtr;
using Reply = std::function<void(const HttpResponsePtr&)>;

constexpr std::size_t kBodyMax = 64 * 1024;
constexpr auto kStartMax = std::chrono::seconds{10};
// In each kind one worker at least is always left for the other tenants.
constexpr int kQueryWorkers = 3, kTagWorkers = 2;

// No inline scripts or styles, nothing from elsewhere, not inside a frame (CSP level 3).
constexpr const char* kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

void add_security_headers(const HttpResponsePtr& response, bool secure) {
  response->addHeader("Content-Security-Policy", kContentPolicy);
  response->addHeader("X-Content-Type-Options", "nosniff");
  response->addHeader("X-Frame-Options", "DENY");
  response->addHeader("Referrer-Policy", "same-origin");
  response->addHeader("Cross-Origin-Opener-Policy", "same-origin");
  response->addHeader("Cross-Origin-Resource-Policy", "same-origin");
  response->addHeader("Permissions-Policy", "camera=(), microphone=(), geolocation=()");
  if (secure) response->addHeader("Strict-Transport-Security", "max-age=31536000");
  if (response->getHeader("Cache-Control").empty()) response->addHeader("Cache-Control", "no-store");
}

HttpResponsePtr to_response(Answer&& answer) {
  auto response = drogon::HttpResponse::newHttpResponse();
  response->setStatusCode(static_cast<drogon::HttpStatusCode>(answer.status));
  if (!answer.content_type.empty()) response->setContentTypeString(answer.content_type);
  for (const auto& [name, value] : answer.headers) response->addHeader(name, value);
  response->setBody(std::move(answer.body));
  return response;
}

HttpResponsePtr asset_response(const HttpRequestPtr& request, const PageAsset& asset) {
  auto response = drogon::HttpResponse::newHttpResponse();
  response->addHeader("Cache-Control", asset.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  response->addHeader("ETag", std::string(asset.etag));
  response->addHeader("Vary", "Accept-Encoding");
  if (request->getHeader("if-none-match") == asset.etag) {
    response->setStatusCode(drogon::k304NotModified);
    return response;
  }
  response->setContentTypeString(std::string(asset.content_type));
  if (request->getHeader("accept-encoding").contains("gzip")) {
    response->addHeader("Content-Encoding", "gzip");
    response->setBody(std::string(asset.gzip));
  } else {
    response->setBody(drogon::utils::gzipDecompress(asset.gzip.data(), asset.gzip.size()));
  }
  return response;
}

using Proxies = std::vector<std::string>;

Caller caller_of(const HttpRequestPtr& request, const Proxies& proxies, bool secure) {
  return caller_behind(proxies, request->getPeerAddr().toIp(), secure, request->getHeader("x-forwarded-for"),
                       request->getHeader("x-forwarded-proto"));
}

Request to_request(const HttpRequestPtr& from, const Proxies& proxies, bool secure) {
  const auto caller = caller_of(from, proxies, secure);
  Request request;
  request.secure = caller.secure;
  request.method = from->getMethodString();
  request.path = from->getOriginalPath();
  for (const auto& [name, value] : from->getParameters()) request.query[name] = value;
  request.token = from->getCookie(cookie_name(caller.secure));
  request.origin = from->getHeader("origin");
  request.host = from->getHeader("host");
  request.content_type = from->getHeader("content-type");
  request.body = std::string(from->getBody());
  request.peer = caller.address;
  request.authorization = from->getHeader("authorization");
  return request;
}

class OpenPage final : public LivePage {
 public:
  explicit OpenPage(const WebSocketConnectionPtr& connection) : connection_(connection) {}
  void send(const std::string& message) override {
    if (const auto connection = connection_.lock()) connection->send(message);
  }
  void close() override {
    if (const auto connection = connection_.lock()) connection->shutdown(drogon::CloseCode::kViolation);
  }

 private:
  std::weak_ptr<drogon::WebSocketConnection> connection_;
};

class LiveController final : public drogon::WebSocketController<LiveController, false> {
 public:
  LiveController(LiveFeed& feed, Proxies proxies, bool secure)
      : feed_(feed), proxies_(std::move(proxies)), secure_(secure) {}

  void handleNewConnection(const HttpRequestPtr& request, const WebSocketConnectionPtr& connection) override {
    // A WebSocket knows no same-origin rule: another site's page could open one with the user's cookie.
    const bool same = same_origin(request->getHeader("origin"), request->getHeader("host"));
    const auto cookie = cookie_name(caller_of(request, proxies_, secure_).secure);
    auto id = same ? feed_.join(request->getCookie(cookie), std::make_shared<OpenPage>(connection))
                   : fail(ErrorCode::auth_forbidden, "");
    if (!id) return connection->shutdown(drogon::CloseCode::kViolation, std::string(code_name(id.error().code)));
    connection->setContext(std::make_shared<std::uint64_t>(*id));
  }
  void handleNewMessage(const WebSocketConnectionPtr& connection, std::string&&,
                        const drogon::WebSocketMessageType& type) override {
    if (type != drogon::WebSocketMessageType::Text) return;
    if (const auto id = connection->getContext<std::uint64_t>()) feed_.answered(*id);
  }
  void handleConnectionClosed(const WebSocketConnectionPtr& connection) override {
    if (const auto id = connection->getContext<std::uint64_t>()) feed_.leave(*id);
  }
  WS_PATH_LIST_BEGIN
  WS_PATH_ADD("/ws/live");
  WS_PATH_LIST_END

 private:
  LiveFeed& feed_;
  const Proxies proxies_;
  const bool secure_;
};

}  // namespace

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

struct Server::State {
  struct Job {
    Request request;
    Reply reply;
  };
  explicit State(ApiContext& context_in)
      : context(context_in),
        seconds(context_in.metrics.histogram("lineside_http_request_seconds", "Time to answer a request of the API")),
        refused(context_in.metrics.counter("lineside_http_refused_total", "Requests answered 503: too many waiting")) {}

  void let_in();
  void work(FairQueue<Job>& queue, Api api);
  void handle(const HttpRequestPtr& request, Reply&& reply);
  void refuse(const Job& job);
  void configure(const ServerSettings& settings);

  ApiContext& context;
  bool secure = false;  // this program does TLS itself
  Proxies proxies;
  LatencyHistogram& seconds;
  Counter& refused;
  // Whose a request is, the database knows: that is not asked on the thread that serves every connection.
  FairQueue<Job> door{{.waiting = 256, .waiting_each = 128}};                                   // by network
  FairQueue<Job> queries{{.waiting = 256, .waiting_each = 128, .at_once = kQueryWorkers - 1}};  // by tenant
  FairQueue<Job> tags{{.waiting = 128, .waiting_each = 32, .at_once = kTagWorkers - 1}};        // too; seconds each
  FairQueue<Job> passwords{{.waiting = 32, .waiting_each = 8}};                                 // by network
  std::vector<std::jthread> workers;
  std::jthread loop;
};

// Who is not signed in counts as one tenant.
void Server::State::let_in() {
  while (!door.closed()) {
    const auto turn = door.pop(std::chrono::seconds{1});
    if (!turn) continue;
    const Job& job = turn->value;
    const auto who = context.accounts.session(job.request.token);
    auto& queue = asks_for_tags(job.request.path) ? tags : queries;
    if (!queue.push(who ? who->tenant : "", job)) refuse(job);
  }
}

void Server::State::work(FairQueue<Job>& queue, Api api) {
  while (!queue.closed()) {
    const auto turn = queue.pop(std::chrono::seconds{1});
    if (!turn) continue;
    const auto begin = context.clock.mono();
    auto response = to_response(api.handle(turn->value.request));
    add_security_headers(response, secure);
    turn->value.reply(response);
    seconds.record(context.clock.mono() - begin);
  }
}

void Server::State::refuse(const Job& job) {
  refused.add();
  auto busy = to_response(problem(503, {ErrorCode::limit_reached, "The hub is busy; try again in a moment."}));
  busy->addHeader("Retry-After", "2");
  add_security_headers(busy, secure);
  job.reply(busy);
}

void Server::State::handle(const HttpRequestPtr& request, Reply&& reply) {
  const auto now = [&](const HttpResponsePtr& response) {
    add_security_headers(response, secure);
    reply(response);
  };
  const std::string& path = request->path();
  const bool reads = request->method() == drogon::Get || request->method() == drogon::Head;
  if (!path.starts_with("/api/") && path != "/healthz" && path != "/metrics") {
    if (!reads) return now(to_response(problem(405, {ErrorCode::request_invalid, "Pages can only be read."})));
    if (const auto* asset = find_page_asset(path)) return now(asset_response(request, *asset));
    return now(to_response(problem({ErrorCode::not_found, "There is nothing at this address."})));
  }
  const bool checks_password = !reads && (path.ends_with("/session") || path.ends_with("/password"));
  const Job job{to_request(request, proxies, secure), std::move(reply)};
  if (!(checks_password ? passwords : door).push(network_of(job.request.peer), job)) refuse(job);
}

void Server::State::configure(const ServerSettings& settings) {
  auto& app = drogon::app();
  app.disableSigtermHandling()
      .setThreadNum(1)
      .enableServerHeader(false)
      .enableGzip(false)
      .enableBrotli(false)
      .setClientMaxBodySize(kBodyMax)
      .setClientMaxMemoryBodySize(kBodyMax)
      .setClientMaxWebSocketMessageSize(1024)
      .setMaxConnectionNum(2000)
      .setIdleConnectionTimeout(60)
      .setImplicitPageEnable(false)
      .setDocumentRoot("/nonexistent")  // files come from this program only
      // Drogon makes folders for request bodies that it puts on disk; ours never are, yet the place must be writable.
      .setUploadPath(std::filesystem::absolute(settings.database).parent_path() / "http-scratch");
  app.setCustomErrorHandler([this](drogon::HttpStatusCode status) {
    const auto code = status == drogon::k404NotFound ? ErrorCode::not_found : ErrorCode::request_invalid;
    auto response = to_response(problem(status, {code, "The request can't be answered."}));
    add_security_headers(response, secure);
    return response;
  });
  // Drogon itself would answer OPTIONS for any origin.
  app.registerSyncAdvice([this](const HttpRequestPtr& request) -> HttpResponsePtr {
    if (request->method() != drogon::Options) return nullptr;
    auto response = to_response(problem(405, {ErrorCode::request_invalid, "There is no OPTIONS here."}));
    add_security_headers(response, secure);
    return response;
  });
  app.registerHandlerViaRegex(
      "/.*", [this](const HttpRequestPtr& request, Reply&& reply) { handle(request, std::move(reply)); },
      {drogon::Get, drogon::Post, drogon::Delete, drogon::Put, drogon::Patch});
  app.addListener(settings.address, static_cast<std::uint16_t>(settings.port), secure, settings.cert_file,
                  settings.key_file);
}

Server::Server() = default;

Server::~Server() {
  if (!state_) return;
  state_->door.close();
  state_->queries.close();
  state_->passwords.close();
  state_->tags.close();
  state_->workers.clear();
  if (state_->loop.joinable()) drogon::app().quit();
}

Result<std::unique_ptr<Server>> Server::start(const ServerSettings& settings, ApiContext& context, LiveFeed& feed) {
  route_drogon_log();
  const bool secure = !settings.cert_file.empty();
  if (!secure && !is_loopback(settings.address))
    return fail(
        ErrorCode::config_invalid,
        std::format("Plain HTTP is allowed on loopback addresses only, and http_address is {}.", settings.address));
  // Drogon would say so in its log only, and serve plain HTTP.
  if (secure && !drogon::app().supportSSL())
    return fail(ErrorCode::config_invalid,
                "http_cert_file is set, but this system's Drogon is built without TLS: leave http_cert_file and "
                "http_key_file out, keep http_address on 127.0.0.1, and put a TLS proxy in front (docs/hub.md).");
  if (secure) LINESIDE_TRY(check_certificate_pair(settings.cert_file, settings.key_file));
  LINESIDE_TRY(check_can_listen(settings.address, settings.port));
  std::unique_ptr<Server> server(new Server());
  server->state_ = std::make_unique<State>(context);
  auto* state = server->state_.get();
  state->secure = secure;
  state->proxies = settings.trusted_proxies;
  std::vector<FairQueue<State::Job>*> queues(kQueryWorkers, &state->queries);
  queues.insert(queues.end(), kTagWorkers, &state->tags);
  queues.push_back(&state->passwords);
  for (FairQueue<State::Job>* queue : queues) {
    LINESIDE_ASSIGN(auto queries, Queries::open(settings.database));
    state->workers.emplace_back(
        [state, queue, api = Api(context, std::move(queries))]() mutable { state->work(*queue, std::move(api)); });
  }
  state->workers.emplace_back([state] { state->let_in(); });
  state->configure(settings);
  drogon::app().registerController(std::make_shared<LiveController>(feed, settings.trusted_proxies, secure));
  auto running = std::make_shared<std::promise<void>>();
  auto started = running->get_future();
  drogon::app().registerBeginningAdvice([running] { running->set_value(); });
  state->loop = std::jthread([] { drogon::app().run(); });
  if (started.wait_for(kStartMax) != std::future_status::ready)
    return fail(ErrorCode::timeout, "The HTTP server did not start within 10 s.");
  return server;
}

}  // namespace lineside::hub
