#include "gateway/local/local_server.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <format>
#include <thread>

#include "base/log.h"
#include "gateway/local/bounded_server.h"
#include "gateway/local/host_check.h"
#include "gateway/local/live_pictures.h"
#include "gateway/local/page_assets.h"
#include "gateway/local/view_json.h"

namespace lineside::gateway {
namespace {

using httplib::Request;
using httplib::Response;
using Handled = httplib::Server::HandlerResponse;

constexpr int kThreads = 4;
constexpr int kWaitingMax = 32;
constexpr std::chrono::milliseconds kRequestTimeMax{3000};
constexpr const char* kJson = "application/json";
constexpr std::string_view kSamples = "/samples/", kLive = "/live/", kJpeg = ".jpg";

const httplib::Headers& security_headers() {
  static const httplib::Headers headers{{"Content-Security-Policy",
                                         "default-src 'none'; script-src 'self'; style-src 'self'; "
                                         "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
                                         "form-action 'none'; frame-ancestors 'none'"},
                                        {"X-Content-Type-Options", "nosniff"},
                                        {"X-Frame-Options", "DENY"},
                                        {"Referrer-Policy", "no-referrer"},
                                        {"Cross-Origin-Resource-Policy", "same-origin"},
                                        {"Cross-Origin-Opener-Policy", "same-origin"},
                                        {"Cache-Control", "no-store"}};
  return headers;
}

void refuse(Response& response, int status, const std::string& why) {
  response.status = status;
  response.set_content(error_json(why), kJson);
}

// The parameter `tail`, or `usual`; nothing if it is not a number from 1 to `most`.
std::optional<std::size_t> tail_of(const Request& request, std::size_t usual, std::size_t most) {
  if (!request.has_param("tail")) return usual;
  const std::string text = request.get_param_value("tail");
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > most) return std::nullopt;
  return value;
}

}  // namespace

struct LocalServer::State {
  explicit State(const LocalView& shown) : view(shown), live(shown), server(kThreads, kWaitingMax, kRequestTimeMax) {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) == 0) machine = name.data();
  }

  void answer(const Request& request, Response& response) const;
  void answer_health(Response& response) const;
  void answer_ledger(const Request& request, Response& response) const;
  void answer_latest(const Request& request, Response& response) const;
  void answer_sample(const std::string& path, Response& response) const;
  void answer_live(const std::string& path, Response& response) const;
  bool acceptable(const Request& request, Response& response) const;

  const LocalView& view;
  mutable LivePictures live;
  BoundedServer server;
  std::string machine;
  int port = 0;
  std::thread thread;
};

bool LocalServer::State::acceptable(const Request& request, Response& response) const {
  if (!is_own_host(request.get_header_value("Host"), machine)) {
    refuse(response, 421, "this gateway is reached by its address, localhost or its own name only");
    return false;
  }
  if (request.method != "GET" && request.method != "HEAD") {
    response.set_header("Allow", "GET, HEAD");
    refuse(response, 405, "only GET and HEAD are answered here");
    return false;
  }
  return true;
}

void LocalServer::State::answer(const Request& request, Response& response) const {
  const std::string& path = request.path;
  response.status = 200;
  if (path == "/") {
    response.set_content(page_html.data(), page_html.size(), "text/html; charset=utf-8");
  } else if (path == "/page.css") {
    response.set_content(page_css.data(), page_css.size(), "text/css; charset=utf-8");
  } else if (path == "/page.js") {
    response.set_content(page_js.data(), page_js.size(), "text/javascript; charset=utf-8");
  } else if (path == "/healthz") {
    answer_health(response);
  } else if (path == "/metrics") {
    response.set_content(view.metrics_text(), "text/plain; version=0.0.4; charset=utf-8");
  } else if (path == "/api/stations") {
    response.set_content(stations_json(view.gateway(), view.trouble(), view.stations()), kJson);
  } else if (path == "/api/assets") {
    response.set_content(assets_json(view.gateway(), view.assets()), kJson);
  } else if (path == "/api/tags") {
    response.set_content(tags_json(view.gateway(), view.tags()), kJson);
  } else if (path == "/api/alarms") {
    response.set_content(alarms_json(view.gateway(), view.alarms()), kJson);
  } else if (path == "/api/ledger") {
    answer_ledger(request, response);
  } else if (path == "/api/verdicts/latest") {
    answer_latest(request, response);
  } else if (path.starts_with(kSamples)) {
    answer_sample(path, response);
  } else if (path.starts_with(kLive)) {
    answer_live(path, response);
  } else {
    refuse(response, 404, "there is nothing at this address");
  }
}

void LocalServer::State::answer_health(Response& response) const {
  const auto trouble = all_trouble(view);
  response.status = trouble.empty() ? 200 : 503;
  response.set_content(health_json(trouble), kJson);
}

void LocalServer::State::answer_ledger(const Request& request, Response& response) const {
  const auto tail = tail_of(request, 100, 1000);
  if (!tail) return refuse(response, 400, "tail is a number from 1 to 1000");
  if (!request.has_param("station")) return refuse(response, 400, "say which station: /api/ledger?station=NAME");
  const auto rows = view.ledger_tail(request.get_param_value("station"), *tail);
  if (!rows) return refuse(response, rows.error().code == ErrorCode::not_found ? 404 : 500, rows.error().message);
  response.set_content(verdicts_json(*rows), kJson);
}

void LocalServer::State::answer_latest(const Request& request, Response& response) const {
  const auto tail = tail_of(request, 50, 200);
  if (!tail) return refuse(response, 400, "tail is a number from 1 to 200");
  response.set_content(verdicts_json(view.latest_verdicts(*tail)), kJson);
}

void LocalServer::State::answer_sample(const std::string& path, Response& response) const {
  const bool named = path.size() > kSamples.size() + kJpeg.size() && path.ends_with(kJpeg);
  const std::string id = named ? path.substr(kSamples.size(), path.size() - kSamples.size() - kJpeg.size()) : "";
  if (!is_sample_id(id)) return refuse(response, 404, "there is no such picture");
  const auto jpeg = view.sample_jpeg(id);
  if (!jpeg) return refuse(response, 404, "there is no such picture (any more)");
  response.set_content(reinterpret_cast<const char*>(jpeg->data()), jpeg->size(), "image/jpeg");
}

void LocalServer::State::answer_live(const std::string& path, Response& response) const {
  const auto slash = path.find('/', kLive.size());
  if (slash == std::string::npos || !path.ends_with(kJpeg) || slash + 1 + kJpeg.size() >= path.size())
    return refuse(response, 404, "there is no such camera");
  const auto jpeg = live.get(path.substr(kLive.size(), slash - kLive.size()),
                             path.substr(slash + 1, path.size() - slash - 1 - kJpeg.size()));
  if (!jpeg) return refuse(response, jpeg.error().code == ErrorCode::not_found ? 404 : 503, jpeg.error().message);
  response.set_content(reinterpret_cast<const char*>(jpeg->data()), jpeg->size(), "image/jpeg");
}

Result<std::unique_ptr<LocalServer>> LocalServer::start(const config::LocalSettings& settings, const LocalView& view) {
  auto state = std::make_unique<State>(view);
  State& s = *state;
  s.server.set_default_headers(security_headers());
  s.server.set_pre_routing_handler([&s](const Request& request, Response& response) {
    if (s.acceptable(request, response)) s.answer(request, response);
    return Handled::Handled;
  });
  s.server.set_exception_handler([](const Request&, Response& response, const std::exception_ptr&) {
    refuse(response, 500, "this failed; the gateway's log may say more");
  });
  errno = 0;
  s.port = settings.port == 0 ? s.server.bind_to_any_port(settings.address)
                              : (s.server.bind_to_port(settings.address, settings.port) ? settings.port : -1);
  if (s.port <= 0)
    return fail(ErrorCode::address_in_use, std::format("the local endpoint can't listen on {}:{}: {}", settings.address,
                                                       settings.port, errno ? std::strerror(errno) : "not an address"));
  s.thread = std::thread([&s] { s.server.listen_after_bind(); });
  s.server.wait_until_ready();
  log(LogLevel::info, "local", "the local page is up",
      {{"address", std::format("http://{}:{}/", settings.address, s.port)}});
  return std::unique_ptr<LocalServer>(new LocalServer(std::move(state)));
}

LocalServer::LocalServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

LocalServer::~LocalServer() {
  state_->server.stop();
  state_->thread.join();
}

int LocalServer::port() const { return state_->port; }

}  // namespace lineside::gateway
