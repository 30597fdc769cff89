#include "opcua/session.h"

#include <random>

#include "base/backoff.h"

namespace lineside::opcua {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kServe{100}, kSubscribeMax{15'000};
// A connection that held so long was a good one: the next attempt need not wait long.
constexpr std::chrono::seconds kHeld{10};

}  // namespace

Result<std::unique_ptr<Session>> Session::start(const SessionOptions& options, std::vector<Item> items,
                                                Handler& handler) {
  LINESIDE_ASSIGN(Credentials credentials, read_credentials(options.server, options.application));
  std::unique_ptr<Session> session(new Session(options, std::move(items), handler, std::move(credentials)));
  session->thread_ = std::jthread([s = session.get()](const std::stop_token& stop) { s->run(stop); });
  return session;
}

Session::Session(SessionOptions options, std::vector<Item> items, Handler& handler, Credentials credentials)
    : options_(std::move(options)), items_(std::move(items)), handler_(handler), credentials_(std::move(credentials)) {}

Session::~Session() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Session::run(const std::stop_token& stop) {
  Backoff backoff(options_.reconnect_min, options_.reconnect_max, std::random_device{}());
  while (!stop.stop_requested()) {
    const MonoTime began = system_clock().mono();
    const Error why = one_connection(stop);
    const bool held = connected_.exchange(false) && system_clock().mono() - began > kHeld;
    if (stop.stop_requested()) return;
    handler_.on_disconnected(why);
    if (held) backoff.reset();
    wait_or_stop(stop, backoff.next());
  }
}

Error Session::one_connection(const std::stop_token& stop) {
  Clock& clock = system_clock();
  auto connection =
      Connection::open(options_.server, credentials_, clock.mono() + options_.connect_max, stop, options_.answer_max);
  if (!connection) return connection.error();
  const auto subscribed =
      (*connection)->subscribe(items_, options_.publishing, handler_, clock.mono() + kSubscribeMax, stop);
  if (!subscribed) return subscribed.error();
  connected_ = true;
  handler_.on_connected();
  MonoTime retry_at = clock.mono() + options_.retry_items;
  while (!stop.stop_requested()) {
    const auto served = (*connection)->serve(kServe);
    handler_.on_served();
    if (!served) return served.error();
    handler_.on_connection(**connection, stop);
    if (clock.mono() < retry_at) continue;
    retry_at = clock.mono() + options_.retry_items;
    if (const auto retried = (*connection)->retry_refused(clock.mono() + kSubscribeMax, stop); !retried)
      return retried.error();
  }
  return {ErrorCode::cancelled, "stopped"};
}

}  // namespace lineside::opcua
