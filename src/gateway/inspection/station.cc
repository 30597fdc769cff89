#include "gateway/inspection/station.h"

#include <format>
#include <mutex>

#include "gateway/inspection/actuation.h"
#include "gateway/inspection/camera_lane.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kHouseEvery{100}, kHouseEveryAtStart{5};

LaneSettings lane_settings(const config::StationSettings& settings, const StationParts& parts, int index) {
  const StationCamera& camera = parts.cameras[static_cast<std::size_t>(index)];
  const bool every_frame = parts.trigger == nullptr;
  LaneSettings lane;
  lane.station = settings.name;
  lane.camera = camera.name;
  lane.index = index;
  lane.width = camera.width;
  lane.height = camera.height;
  lane.queue_items = settings.queue_items;
  lane.cpu = settings.cpu;
  lane.opens_items = every_frame && index == 0;
  // Cameras without a common trigger see an item some time before or after the first one does.
  lane.early_max = every_frame ? nanoseconds{settings.trigger.frame_wait_max} : nanoseconds{0};
  lane.judging = {.reject_threshold = settings.reject_threshold, .doubt_band = settings.doubt_band};
  return lane;
}

}  // namespace

struct Station::Body {
  Body(const config::StationSettings& settings, const StationParts& parts)
      : desk(settings, static_cast<int>(parts.cameras.size()), parts.actuator != nullptr, parts.items, parts.clock,
             parts.metrics),
        events(settings.name, parts.records, parts.clock, parts.metrics) {}

  VerdictDesk desk;
  EventLog events;
  std::vector<std::unique_ptr<CameraLane>> lanes;
  std::unique_ptr<Actuation> actuation;
  std::unique_ptr<Reporter> reporter;
  std::thread watch;
  std::atomic<bool> watch_stops{false}, stopped{false}, trigger_lost{false};
  std::mutex start_mutex;  // cameras are started by the reporter's thread and stopped by stop()
  bool cameras_started = false, may_start_cameras = true;
  std::mutex trigger_mutex;
  std::string trigger_message;
  std::uint64_t raw_bytes_told = 0;  // in summaries; of the reporter's thread
};

Result<std::unique_ptr<Station>> Station::create(const config::StationSettings& settings, StationParts parts) {
  const auto cameras = parts.cameras.size();
  if (cameras == 0 || cameras > ItemBoard::kCamerasMax)
    return fail(ErrorCode::config_invalid, std::format("Station {} has {} cameras; 1 to {} are possible.",
                                                       settings.name, cameras, ItemBoard::kCamerasMax));
  if (settings.votes_needed < 1 || static_cast<std::size_t>(settings.votes_needed) > cameras)
    return fail(ErrorCode::config_invalid, std::format("Station {}: votes_needed is {}, but it has {} cameras.",
                                                       settings.name, settings.votes_needed, cameras));
  const auto gone_by = settings.actuator.delay + settings.actuator.tolerance;
  if (parts.actuator != nullptr && settings.deadline > gone_by)
    return fail(ErrorCode::config_invalid,
                std::format("Station {}: a verdict at the deadline ({} ms) would come after the item has gone by the "
                            "rejector (delay {} ms + tolerance {} ms). Lower deadline.",
                            settings.name, settings.deadline.count(), settings.actuator.delay.count(),
                            settings.actuator.tolerance.count()));
  return std::unique_ptr<Station>(new Station(settings, std::move(parts)));
}

Station::Station(const config::StationSettings& settings, StationParts parts)
    : settings_(settings), parts_(std::move(parts)), body_(std::make_unique<Body>(settings_, parts_)) {
  Body& body = *body_;
  const auto tell_others = [this](const ItemTicket& ticket) {
    for (std::size_t i = 1; i < body_->lanes.size(); ++i) body_->lanes[i]->on_item(ticket);
  };
  for (std::size_t i = 0; i < parts_.cameras.size(); ++i)
    body.lanes.push_back(std::make_unique<CameraLane>(lane_settings(settings_, parts_, static_cast<int>(i)),
                                                      parts_.load_model, body.desk, parts_.samples, body.events,
                                                      parts_.metrics, tell_others));
  const bool has_actuator = parts_.actuator != nullptr;
  if (has_actuator)
    body.actuation =
        std::make_unique<Actuation>(settings_, std::move(parts_.actuator), body.desk, body.events, parts_.metrics);
  body.reporter = std::make_unique<Reporter>(
      settings_, has_actuator, parts_.summary_period, body.desk,
      ReporterOutputs{parts_.items, parts_.samples, parts_.records, body.events, parts_.metrics},
      [this](StationSummary& summary) { complete(summary); }, [this](MonoTime now) { return keep_house(now); });
}

Station::~Station() { stop(nanoseconds{0}); }

void Station::start() {
  Body& body = *body_;
  body.watch = std::thread([this] { watch_deadlines(); });
  if (body.actuation) body.actuation->start();
  for (const auto& lane : body.lanes) lane->start_model();
  body.reporter->start();
  if (parts_.trigger)
    if (auto started = parts_.trigger->start(*this); !started) on_trigger_lost(started.error());
}

void Station::start_cameras() {
  Body& body = *body_;
  std::lock_guard lock(body.start_mutex);
  if (body.cameras_started || !body.may_start_cameras) return;
  for (const auto& lane : body.lanes)
    if (!lane->model_settled()) return;
  body.cameras_started = true;
  for (std::size_t i = 0; i < parts_.cameras.size(); ++i) {
    StationCamera& camera = parts_.cameras[i];
    if (!camera.source) {
      body.lanes[i]->on_state(SourceState::down, camera.trouble);
    } else if (auto started = camera.source->start(*body.lanes[i]); !started) {
      body.lanes[i]->on_state(SourceState::down, started.error());
    }
  }
}

void Station::stop(nanoseconds linger) {
  Body& body = *body_;
  if (!body.watch.joinable() || body.stopped.exchange(true)) return;
  if (parts_.trigger) parts_.trigger->stop();
  {
    std::lock_guard lock(body.start_mutex);
    body.may_start_cameras = false;
  }
  for (StationCamera& camera : parts_.cameras)
    if (camera.source) camera.source->stop();
  for (const auto& lane : body.lanes) lane->stop_model();
  body.watch_stops.store(true);
  body.desk.wake_watch();
  body.watch.join();
  body.desk.close_all();
  if (body.actuation) body.actuation->stop(parts_.clock.mono() + linger);
  body.reporter->stop();
}

void Station::watch_deadlines() {
  Body& body = *body_;
  set_up_this_thread({.name = "due " + settings_.name, .realtime_priority = 40});
  while (!body.watch_stops.load()) body.desk.watch();
}

void Station::on_trigger(MonoTime time) {
  Body& body = *body_;
  body.trigger_lost.store(false, std::memory_order_relaxed);
  ItemTicket ticket;
  if (!body.desk.open(time, -1, ticket)) return;
  for (const auto& lane : body.lanes) lane->on_item(ticket);
}

void Station::on_trigger_lost(const Error& why) {
  {
    std::lock_guard lock(body_->trigger_mutex);
    body_->trigger_message = why.message;
  }
  body_->trigger_lost.store(true);
  body_->events.report("trigger.lost", Severity::critical, then(why.message, "Items go by unseen."),
                       {{"error", std::string(code_name(why.code))}});
}

MonoTime Station::keep_house(MonoTime now) {
  Body& body = *body_;
  for (const auto& lane : body.lanes) lane->check_models();
  start_cameras();
  return now + (body.cameras_started ? kHouseEvery : kHouseEveryAtStart);
}

void Station::reload_model() {
  for (const auto& lane : body_->lanes) lane->load_newer_model();
}

void Station::complete(StationSummary& summary) const {
  summary.deadline_ns = nanoseconds{settings_.deadline}.count();
  summary.camera_up = true;
  std::uint64_t raw_bytes = 0;
  for (const auto& lane : body_->lanes) {
    summary.camera_up = summary.camera_up && lane->camera_up();
    raw_bytes += lane->raw_bytes();
  }
  summary.raw_bytes = raw_bytes - body_->raw_bytes_told;
  body_->raw_bytes_told = raw_bytes;
  summary.actuator_up = body_->actuation && body_->actuation->up();
  summary.model_version = body_->lanes.front()->model_version();
}

Result<Image> Station::live_picture(const std::string& camera, nanoseconds wait_max) const {
  for (const auto& lane : body_->lanes)
    if (lane->camera() == camera) return lane->live().take(wait_max);
  return fail(ErrorCode::not_found, std::format("station {} has no camera {}", settings_.name, camera));
}

std::uint64_t Station::items_opened() const { return body_->desk.opened(); }
std::uint64_t Station::verdicts_issued() const { return body_->desk.issued(); }

StationCondition Station::condition() const {
  const Body& body = *body_;
  StationCondition condition;
  const auto trouble = [&](const std::string& what) {
    if (!what.empty()) condition.trouble = then(condition.trouble, what);
  };
  for (const auto& lane : body.lanes) {
    condition.cameras.push_back({lane->camera(), lane->camera_up(), lane->camera_message()});
    trouble(lane->model_trouble());
    if (!lane->camera_up()) trouble(std::format("Camera {}: {}", lane->camera(), lane->camera_message()));
  }
  condition.has_actuator = body.actuation != nullptr;
  if (body.actuation) {
    condition.actuator_up = body.actuation->up();
    condition.actuator_message = body.actuation->message();
    if (!condition.actuator_up) trouble("Actuator: " + condition.actuator_message);
  }
  if (body.trigger_lost.load()) {
    std::lock_guard lock(body_->trigger_mutex);
    trouble(body.trigger_message);
  }
  condition.model_version = body.lanes.front()->model_version();
  condition.reject_threshold = body.lanes.front()->reject_threshold();
  condition.counts = body.reporter->counts();
  condition.latency = body.reporter->decision_latency().snapshot();
  return condition;
}

}  // namespace lineside::gateway
