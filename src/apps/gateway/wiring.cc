#include "apps/gateway/wiring.h"

#include <algorithm>
#include <condition_variable>
#include <format>
#include <mutex>
#include <optional>
#include <thread>

#include "apps/gateway/local_view.h"
#include "apps/gateway/model_files.h"
#include "base/file.h"
#include "base/log.h"
#include "base/uuid.h"
#include "base/version.h"
#include "gateway/act/make_actuator.h"
#include "gateway/condition/asset.h"
#include "gateway/condition/training_room.h"
#include "gateway/inspection/station.h"
#include "gateway/ledger/ledger.h"
#include "gateway/local/local_server.h"
#include "gateway/outbox/outbox.h"
#include "gateway/rules/rule_watch.h"
#include "gateway/samples/sample_store.h"
#include "gateway/source/make_source.h"
#include "gateway/sparkplug/sparkplug_publisher.h"
#include "gateway/tags/make_tag_source.h"
#include "gateway/tags/tag_fan_out.h"
#include "gateway/telemetry/telemetry.h"
#include "gateway/uplink/uplink.h"
#include "gateway/waveform/make_waveform_source.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kStopMax{1700}, kInputStopMax{3000}, kLinger{1000}, kFlushMax{500};

// Stands for a trigger input that can't be made: without it the station must not take every frame for an item.
class MissingTrigger final : public TriggerSource {
 public:
  explicit MissingTrigger(Error why) : why_(std::move(why)) {}
  Result<void> start(TriggerSink&) override { return std::unexpected(why_); }
  void stop() override {}

 private:
  const Error why_;
};

// Ends that are waited for together, each on a thread of its own. What the threads share outlives one that hangs.
class Endings {
 public:
  template <class End>
  void begin(End end) {
    {
      const std::lock_guard lock(state_->mutex);
      ++state_->left;
    }
    std::thread([state = state_, end = std::move(end)]() mutable {
      end();
      const std::lock_guard lock(state->mutex);
      --state->left;
      state->changed.notify_all();
    }).detach();
  }
  // All have ended; false: one has not within `max` from here on.
  bool wait(std::chrono::milliseconds max) {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, max, [this] { return state_->left == 0; });
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t left = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

std::string count(std::size_t n, const char* what) { return std::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

}  // namespace

// Members in the order in which they are made; the destructor takes them down the other way round.
struct Gateway::Parts {
  Parts(const config::GatewaySettings& how, Clock& time)
      : settings(how), clock(time), writers(how.telemetry.tags.size()) {}
  ~Parts() { writers.clear(); }

  const config::GatewaySettings settings;
  Clock& clock;
  MetricsRegistry metrics;
  std::unique_ptr<Outbox> outbox;
  std::unique_ptr<Ledger> ledger;
  std::unique_ptr<SampleStore> samples;
  std::vector<std::unique_ptr<ModelFile>> models;
  std::vector<std::unique_ptr<Station>> stations;
  std::optional<TrainingRoom> training;
  std::vector<std::unique_ptr<RunningWatch>> running;  // by asset; null: it always counts
  std::vector<std::unique_ptr<Asset>> assets;
  std::vector<BundleFile> asset_bundles;  // by asset
  std::vector<std::unique_ptr<WaveformSource>> waveforms;
  std::unique_ptr<Telemetry> telemetry;
  std::unique_ptr<SparkplugPublisher> sparkplug;
  TagWriters writers;
  std::unique_ptr<RuleWatch> rules;
  std::vector<std::unique_ptr<TagFanOut>> tag_takers;  // by source
  std::vector<std::unique_ptr<TagSource>> tag_sources;
  std::unique_ptr<GatewayView> view;
  std::unique_ptr<Uplink> uplink;
  std::unique_ptr<LocalServer> server;

  Result<void> open_stores();
  Result<void> make_stations();
  Result<void> make_station(const config::StationSettings& station, const bundle::Trust& trust);
  void make_assets(const bundle::Trust& trust);
  void open_doors();
  void start_waveforms();
  Result<void> make_rules();
  void make_telemetry();
  void start_sparkplug();
  void start_telemetry();
  void do_without(const std::string& what, const Error& why);
  void tell(const std::string& type, Severity severity, const std::string& message);
};

Result<void> Gateway::Parts::open_stores() {
  const fs::path data = settings.data_dir;
  std::error_code error;
  fs::create_directories(data / "models", error);
  if (error)
    return fail(ErrorCode::file_io,
                std::format("Can't make the data folder {} (data_dir): {}.", data.string(), error.message()));
  std::vector<std::string> names;
  for (const auto& station : settings.stations) names.push_back(station.name);
  LINESIDE_ASSIGN(outbox, Outbox::open(data / "outbox", settings.outbox, clock, metrics));
  LINESIDE_ASSIGN(ledger, Ledger::open(data / "ledger", settings.ledger, names, metrics));
  LINESIDE_ASSIGN(samples,
                  SampleStore::open(data / settings.samples.path, settings.samples, names, *outbox, clock, metrics));
  return {};
}

Result<void> Gateway::Parts::make_stations() {
  LINESIDE_ASSIGN(const bundle::Trust trust,
                  bundle::Trust::from_files(settings.inference.trusted_keys, settings.inference.allow_unsigned));
  for (const auto& station : settings.stations) LINESIDE_TRY(make_station(station, trust));
  make_assets(trust);
  return {};
}

void Gateway::Parts::make_assets(const bundle::Trust& trust) {
  const fs::path folder = fs::path(settings.data_dir) / "assets";
  training.emplace(folder / "signing-key.pem");
  for (const auto& asset : settings.assets) {
    asset_bundles.emplace_back(asset.bundle);
    running.push_back(
        asset.running_when.empty() ? nullptr : std::make_unique<RunningWatch>(asset, settings.telemetry.tags, clock));
    assets.push_back(
        std::make_unique<Asset>(asset, AssetParts{*outbox, metrics, clock, *training, trust, settings.inference.library,
                                                  folder / asset.name, running.back().get()}));
  }
}

void Gateway::Parts::start_waveforms() {
  for (const auto& asset : assets) asset->start();
  for (const auto& source : settings.waveform_sources) {
    std::vector<std::size_t> takers;
    for (std::size_t i = 0; i < settings.assets.size(); ++i)
      if (settings.assets[i].source == source.name) takers.push_back(i);
    if (takers.empty()) continue;
    auto made = make_waveform_source(source, settings.assets[takers.front()].rate_hz, clock, metrics, settings.assets);
    const bool by_name = source.kind == config::WaveformSourceSettings::Kind::opcua;
    if (made)
      for (const std::size_t i : takers)
        (*made)->add(by_name ? settings.assets[i].name : settings.assets[i].topic, *assets[i]);
    const auto started = made ? (*made)->start() : Result<void>(std::unexpected(made.error()));
    if (started) waveforms.push_back(std::move(*made));
    if (!started) do_without(std::format("The waveform source '{}'", source.name), started.error());
  }
}

Result<void> Gateway::Parts::make_rules() {
  LINESIDE_ASSIGN(rules,
                  RuleWatch::create(settings, {.records = *outbox,
                                               .metrics = metrics,
                                               .clock = clock,
                                               .on_disk = [this] { return outbox->flush(kFlushMax).has_value(); },
                                               .writers = writers}));
  return {};
}

void Gateway::Parts::make_telemetry() {
  telemetry = std::make_unique<Telemetry>(
      settings.telemetry, TelemetryParts{.records = *outbox,
                                         .metrics = metrics,
                                         .clock = clock,
                                         .lost_records = [this] { return outbox->status(Lane::bulk).lost; },
                                         .spoil = {}});
  for (std::size_t i = 0; i < settings.telemetry.sources.size(); ++i) {
    tag_takers.push_back(std::make_unique<TagFanOut>());
    tag_takers[i]->add(telemetry->sink(i));
    if (!settings.rules.empty()) tag_takers[i]->add(rules->sink());
    for (const auto& watch : running)
      if (watch) tag_takers[i]->add(*watch);
  }
}

void Gateway::Parts::start_sparkplug() {
  if (!settings.sparkplug.enabled) return;
  auto started =
      SparkplugPublisher::start(settings.sparkplug, settings.gateway, std::string(version()), settings.telemetry,
                                fs::path(settings.data_dir) / "sparkplug.bdseq", clock, metrics);
  if (!started) return do_without("The Sparkplug publisher", started.error());
  sparkplug = std::move(*started);
  for (std::size_t i = 0; i < tag_takers.size(); ++i) tag_takers[i]->add(sparkplug->sink(i));
  view->watch(sparkplug.get());
}

void Gateway::Parts::start_telemetry() {
  rules->start();
  if (settings.telemetry.sources.empty()) return;
  telemetry->start();
  for (std::size_t i = 0; i < settings.telemetry.sources.size(); ++i) {
    const auto& source = settings.telemetry.sources[i];
    if (!std::ranges::contains(settings.telemetry.tags, source.name, &config::TagSettings::source)) continue;
    auto made = make_tag_source(source, settings.telemetry.tags, clock, metrics);
    const auto started = made ? (*made)->start(*tag_takers[i]) : Result<void>(std::unexpected(made.error()));
    if (started) {
      for (std::size_t tag = 0; tag < settings.telemetry.tags.size(); ++tag)
        if (TagWriter* writer = (*made)->writer();
            writer != nullptr && settings.telemetry.tags[tag].source == source.name)
          writers.set(tag, *writer);
      tag_sources.push_back(std::move(*made));
    }
    if (!started) do_without(std::format("The tag source '{}'", source.name), started.error());
  }
}

void Gateway::Parts::do_without(const std::string& what, const Error& why) {
  const std::string message = std::format("{} is not available: {}", what, why.message);
  view->add_trouble(message);
  tell("gateway.degraded", Severity::high, message);
}

Result<void> Gateway::Parts::make_station(const config::StationSettings& station, const bundle::Trust& trust) {
  StationParts parts{.cameras = {},
                     .trigger = nullptr,
                     .actuator = nullptr,
                     .load_model = {},
                     .items = ledger->station(station.name),
                     .samples = &samples->station(station.name),
                     .records = *outbox,
                     .metrics = metrics,
                     .clock = clock,
                     .summary_period = settings.summary_period};
  for (const std::string& name : station.cameras) {
    const auto camera = std::ranges::find(settings.cameras, name, &config::CameraSettings::name);
    if (camera == settings.cameras.end())
      return fail(ErrorCode::config_invalid,
                  std::format("Station {} names camera {}, which is not configured.", station.name, name));
    auto source = make_frame_source(*camera, clock, metrics);
    StationCamera part{.name = name, .width = camera->width, .height = camera->height, .source = nullptr};
    if (source) part.source = std::move(*source);
    if (!source) part.trouble = source.error();
    parts.cameras.push_back(std::move(part));
  }
  auto trigger = make_trigger_source(station.trigger, station.name, clock, metrics);
  parts.trigger = trigger ? std::move(*trigger) : std::make_unique<MissingTrigger>(trigger.error());
  LINESIDE_ASSIGN(parts.actuator, make_actuator(station.actuator, clock));
  models.push_back(std::make_unique<ModelFile>(station, settings.inference, trust,
                                               fs::path(settings.data_dir) / "models" / (station.name + ".counter"),
                                               metrics));
  parts.load_model = [model = models.back().get()](std::uint64_t newer_than) { return model->load(newer_than); };
  LINESIDE_ASSIGN(auto made, Station::create(station, std::move(parts)));
  stations.push_back(std::move(made));
  return {};
}

void Gateway::Parts::open_doors() {
  view = std::make_unique<GatewayView>(settings, stations, assets, *telemetry, *rules, *ledger, *samples, *outbox,
                                       metrics);
  if (settings.uplink.enabled) {
    auto started = Uplink::start(settings.uplink, settings.tenant, settings.gateway, *outbox, clock, metrics,
                                 std::string(version()));
    if (started) uplink = std::move(*started);
    view->watch(uplink.get());
    if (!started) do_without("The uplink to the hub", started.error());
  }
  start_sparkplug();
  if (settings.local.enabled) {
    auto started = LocalServer::start(settings.local, *view);
    if (started) server = std::move(*started);
    if (!started) do_without("The local endpoint", started.error());
  }
}

void Gateway::Parts::tell(const std::string& type, Severity severity, const std::string& message) {
  log(severity >= Severity::high ? LogLevel::error : LogLevel::info, "gateway", message, {{"event", type}});
  outbox->put(Lane::urgent, EventRecord{make_uuid(clock),
                                        type,
                                        settings.gateway,
                                        severity,
                                        clock.wall(),
                                        message,
                                        {{"version", std::string(version())}}});
}

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::start(const config::GatewaySettings& settings, Clock& clock) {
  auto parts = std::make_unique<Parts>(settings, clock);
  LINESIDE_TRY(parts->open_stores());
  LINESIDE_TRY(parts->make_rules());
  LINESIDE_TRY(parts->make_stations());
  parts->tell(
      "gateway.started", Severity::info,
      std::format("Gateway {} with {}, {} and {}.", settings.gateway, count(settings.stations.size(), "station"),
                  count(settings.assets.size(), "asset"), count(settings.telemetry.tags.size(), "tag")));
  for (const auto& station : parts->stations) station->start();
  parts->make_telemetry();
  parts->open_doors();
  parts->start_waveforms();
  parts->start_telemetry();
  return std::unique_ptr<Gateway>(new Gateway(std::move(parts)));
}

void Gateway::look_for_models(bool settled) {
  for (std::size_t i = 0; i < parts_->models.size(); ++i)
    if (parts_->models[i]->has_changed(settled)) parts_->stations[i]->reload_model();
  for (std::size_t i = 0; i < parts_->assets.size(); ++i)
    if (parts_->asset_bundles[i].has_changed(settled)) parts_->assets[i]->reload_model();
}

bool Gateway::stop() {
  Parts& parts = *parts_;
  parts.server.reset();
  parts.writers.clear();
  // All at once: stations may have rejects on their way, which no source and no asset may delay.
  for (const auto& source : parts.waveforms) source->ask_to_stop();
  for (const auto& source : parts.tag_sources) source->ask_to_stop();
  for (const auto& asset : parts.assets) asset->ask_to_stop();
  Endings inputs, stations;
  for (const auto& station : parts.stations) stations.begin([one = station.get()] { one->stop(kLinger); });
  for (auto& source : parts.waveforms) inputs.begin([one = std::move(source)]() mutable { one.reset(); });
  inputs.begin([sources = std::move(parts.tag_sources), sparkplug = std::move(parts.sparkplug),
                telemetry = parts.telemetry.get(), rules = parts.rules.get()]() mutable {
    sources.clear();
    rules->stop();
    telemetry->stop();
    sparkplug.reset();  // last: it says goodbye to brokers that may not answer
  });
  parts.tag_sources.clear();
  inputs.begin([&assets = parts.assets] {
    for (const auto& asset : assets) asset->stop();
  });
  parts.waveforms.clear();
  const bool stations_ended = stations.wait(kStopMax);
  const bool all = inputs.wait(kInputStopMax) && stations_ended;
  parts.tell("gateway.stopped", all ? Severity::info : Severity::high,
             all ? "The gateway stopped."
                 : "The gateway stopped; a model, a camera or a source did not answer until the end.");
  parts.samples->close();
  parts.ledger->close();
  if (!all) static_cast<void>(parts.outbox->flush(std::chrono::milliseconds{1000}));
  return all;
}

}  // namespace lineside::gateway
