#include "plant/bottling_line.h"

#include "base/log.h"

namespace lineside::plant {

namespace {

constexpr nanoseconds kDrainMax = std::chrono::seconds{2};

nanoseconds from_ms(double ms) { return nanoseconds{static_cast<std::int64_t>(ms * 1e6)}; }

SceneSettings scene_settings(const config::BottlingLineSettings& line, std::uint64_t seed, int divisor) {
  return {.width = line.width / divisor,
          .height = line.height / divisor,
          .noise = line.noise,
          .blur_px = line.blur_px,
          .light_drift = line.light_drift,
          .seed = seed};
}

std::string_view to_string(CameraTrouble trouble) {
  switch (trouble) {
    case CameraTrouble::none:
      return "camera ok";
    case CameraTrouble::freeze:
      return "camera freeze";
    case CameraTrouble::off:
      return "camera off";
    case CameraTrouble::resize:
      return "camera resize";
  }
  return "camera";
}

std::string_view to_string(ModbusMode mode) {
  switch (mode) {
    case ModbusMode::serving:
      return "rejector ok";
    case ModbusMode::silent:
      return "rejector silent";
    case ModbusMode::gone:
      return "rejector gone";
  }
  return "rejector";
}

}  // namespace

BottlingLine::BottlingLine(const config::BottlingLineSettings& settings, std::uint64_t seed, VideoStream& stream,
                           TruthLog& truth, Clock& clock)
    : settings_(settings),
      seed_(seed),
      stream_(stream),
      truth_(truth),
      clock_(clock),
      rejector_(from_ms(settings.rejector_delay_ms), from_ms(settings.rejector_window_ms)),
      scene_(scene_settings(settings, seed, 1)),
      small_scene_(scene_settings(settings, seed, 2)) {}

BottlingLine::~BottlingLine() { stop(); }

Result<std::unique_ptr<BottlingLine>> BottlingLine::create(const config::BottlingLineSettings& settings,
                                                           const std::string& address, std::uint64_t seed,
                                                           VideoStream& stream, TruthLog& truth, Clock& clock) {
  auto line = std::unique_ptr<BottlingLine>(new BottlingLine(settings, seed, stream, truth, clock));
  BottlingLine* l = line.get();
  ModbusHandlers handlers{.pulse = [l](MonoTime at, std::uint32_t item) { l->rejector_.pulse(at, item); },
                          .safe =
                              [l](bool on) {
                                l->rejector_.set_safe(on);
                                l->truth_.trouble(l->name(), on ? "safe state on" : "safe state off", l->clock_.wall());
                              }};
  LINESIDE_ASSIGN(line->modbus_, ModbusServer::start(address, settings.modbus_port, std::move(handlers), clock));
  return line;
}

void BottlingLine::start(MonoTime first_bottle) {
  thread_ = std::jthread([this, first_bottle](const std::stop_token& stop) { run(stop, first_bottle); });
}

void BottlingLine::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void BottlingLine::set_camera(CameraTrouble trouble) {
  const CameraTrouble before = trouble_.exchange(trouble);
  if ((before == CameraTrouble::off) != (trouble == CameraTrouble::off))
    stream_.set_power(trouble != CameraTrouble::off);
  truth_.trouble(name(), to_string(trouble), clock_.wall());
}

void BottlingLine::set_rejector(ModbusMode mode) {
  modbus_->set_mode(mode);
  truth_.trouble(name(), to_string(mode), clock_.wall());
}

void BottlingLine::run(const std::stop_token& stop, MonoTime first_bottle) {
  const double period_ns = 60e9 / settings_.items_per_minute;
  Image picture;
  for (std::uint64_t bottle = 0; !stop.stop_requested(); ++bottle) {
    const MonoTime at = first_bottle + nanoseconds{static_cast<std::int64_t>(period_ns * static_cast<double>(bottle))};
    const BottleClass bottle_class = class_of(seed_, bottle, settings_.defect_share);
    auto& scene = trouble_.load() == CameraTrouble::resize ? small_scene_ : scene_;
    scene.draw(bottle, bottle_class, picture);
    clock_.sleep_until(at);
    // Both times before anything else, the wall's first: a pause of this thread must not make the bottle look later
    // than the picture of it.
    const WallTime now_wall = clock_.wall();
    const MonoTime now = clock_.mono();
    const bool in_time = now - at < nanoseconds{static_cast<std::int64_t>(period_ns / 4)};
    const bool sends = trouble_.load() == CameraTrouble::none || trouble_.load() == CameraTrouble::resize;
    const auto sent = in_time && sends ? stream_.push(picture, at) : VideoStream::Sent::nobody;
    rejector_.expect({.bottle = bottle,
                      .bottle_class = bottle_class,
                      .sent = sent != VideoStream::Sent::nobody,
                      .filmed = sent == VideoStream::Sent::playing,
                      .at_camera = at,
                      .at_camera_wall = now_wall - (now - at)});
    note_gone();
  }
  // The bottles that are still on the belt reach the rejector before the line counts as stopped.
  const auto belt = std::min(from_ms(settings_.rejector_delay_ms + settings_.rejector_window_ms), kDrainMax);
  clock_.sleep_until(clock_.mono() + belt);
  note_gone();
}

void BottlingLine::note_gone() {
  const MonoTime now = clock_.mono();
  for (const auto& outcome : rejector_.take_gone(now)) truth_.bottle(name(), outcome);
  for (const auto& miss : rejector_.take_misses()) truth_.miss(name(), miss, clock_.wall() - (now - miss.at));
}

}  // namespace lineside::plant
