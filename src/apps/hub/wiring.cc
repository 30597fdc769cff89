// The hub's stages in the order the data flows: broker, ingest, store, board, live feed and HTTP.
#include <format>

#include "apps/hub/commands.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/signals.h"
#include "config/load.h"
#include "hub/auth/accounts.h"
#include "hub/http/server.h"
#include "hub/ingest/ingest.h"
#include "hub/store/store.h"
#include "hub/tags/tag_desk.h"

namespace lineside::hub {
namespace {

// The board hears of changes as long as it lives.
class Listening {
 public:
  Listening(Store& store, ChangeListener& listener) : store_(store), listener_(listener) {
    store_.add_listener(listener_);
  }
  ~Listening() { store_.remove_listener(listener_); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  Store& store_;
  ChangeListener& listener_;
};

Result<std::string> first_line(const std::string& file) {
  if (file.empty()) return std::string{};
  LINESIDE_ASSIGN(const std::string text, read_text(file, 4096));
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

Result<int> serve(const fs::path& config) {
  LINESIDE_ASSIGN(const auto settings, config::load_hub_settings(config));
  const auto database = fs::path(settings.data_dir) / "hub.db";
  if (!fs::exists(database))
    return fail(ErrorCode::file_not_found, std::format("{} is not there: run `lineside-hub init --data {}` first.",
                                                       database.string(), settings.data_dir));
  auto& clock = system_clock();
  MetricsRegistry metrics;
  LINESIDE_ASSIGN(const auto store, Store::open(database, clock, metrics));
  LINESIDE_ASSIGN(const auto accounts, Accounts::open(database, clock, std::chrono::hours{settings.session_hours}));
  LINESIDE_ASSIGN(auto queries, Queries::open(database));
  LINESIDE_ASSIGN(const auto board, Board::load(queries, clock));
  const Listening listening(*store, *board);
  LINESIDE_ASSIGN(const auto ingest, Ingest::start(settings, *store, clock, metrics));

  LiveFeed feed(*board, *accounts, clock, metrics);
  TagDesk tags;
  ApiContext context{*accounts, *board, clock, metrics};
  context.tags = &tags;
  context.store = store.get();
  DeedLog deeds(settings.data_dir, clock);
  context.deeds = &deeds;
  context.session_life = std::chrono::hours{settings.session_hours};
  LINESIDE_ASSIGN(context.metrics_token, first_line(settings.metrics_token_file));
  context.broker_connected = [&] { return ingest->status().connected; };
  LINESIDE_ASSIGN(const auto server, Server::start({settings.http_address, settings.http_port, settings.http_cert_file,
                                                    settings.http_key_file, database, settings.http_trusted_proxies},
                                                   context, feed));
  feed.start();
  log(LogLevel::info, "hub", "serving",
      {{"page", std::format("{}://{}:{}/", settings.http_cert_file.empty() ? "http" : "https", settings.http_address,
                            settings.http_port)},
       {"broker", std::format("{}:{}", settings.broker.host, settings.broker.port)}});
  while (!wait_for_stop(std::chrono::minutes{10})) {
    if (auto forgotten = accounts->forget_expired(); !forgotten)
      log(LogLevel::warning, "hub", "ended sessions were not deleted", {{"reason", to_string(forgotten.error())}});
  }
  feed.stop();
  log(LogLevel::info, "hub", "stopped", {});
  return 0;
}

}  // namespace lineside::hub
