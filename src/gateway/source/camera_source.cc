#include "gateway/source/camera_source.h"

#include <format>
#include <random>

#include "base/backoff.h"
#include "gateway/source/camera_pipeline.h"

namespace lineside::gateway {

using namespace std::chrono_literals;

// A network camera begins with pictures that it had waiting: they come late and in a burst, so nobody knows when they
// were taken, and a reject among them would hit a neighbour. The camera is not up until then.
constexpr auto kRtspSettleTime = 300ms;

CameraSource::CameraSource(const config::CameraSettings& settings, Clock& clock, MetricsRegistry& metrics)
    : settings_(settings),
      clock_(clock),
      counters_(metrics, settings.name),
      width_(settings.width),
      height_(settings.height) {}

CameraSource::~CameraSource() { stop(); }

Result<void> CameraSource::start(FrameSink& sink) {
  stop();
  sink_ = &sink;
  thread_ = std::jthread([this](const std::stop_token& stop_token) { run(stop_token); });
  return {};
}

void CameraSource::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void CameraSource::run(const std::stop_token& stop) {
  Backoff backoff(settings_.reconnect_min, settings_.reconnect_max, std::random_device{}());
  sink_->on_state(SourceState::starting, {});
  while (!stop.stop_requested()) {
    const auto ended = watch(stop);
    counters_.up.set(0);
    if (ended) break;  // only when stopped
    // A camera that gives one frame and fails again is not cured: it keeps its place in the back-off.
    if (up_ && clock_.mono() - up_since_ > settings_.reconnect_max) backoff.reset();
    up_ = false;
    const nanoseconds pause = backoff.next();
    report_down(ended.error(), pause);
    if (wait_or_stop(stop, pause)) break;
  }
  up_ = false;
}

void CameraSource::report_down(const Error& why, nanoseconds pause) {
  counters_.failures.add();
  const auto pause_ms = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
  Error error{why.code, std::format("{}: {}. Trying again in {} ms.", describe(settings_), why.message, pause_ms)};
  downs_log_.log(LogLevel::warning, "camera", error.message, {{"camera", settings_.name}});
  sink_->on_state(SourceState::down, error);
}

// Opens the camera and hands its frames on until it fails (an error) or stop is requested.
Result<void> CameraSource::watch(const std::stop_token& stop) {
  counters_.connects.add();
  pipeline_first_ = next_sequence_;
  LINESIDE_ASSIGN(auto pipeline, CameraPipeline::open(settings_, clock_));
  MonoTime last = clock_.mono();
  bool first = true;
  MonoTime settled{};
  while (!stop.stop_requested()) {
    Result<void> taken;
    const auto came = pipeline->next(std::min<nanoseconds>(100ms, settings_.stall_max), [&](const FrameView& frame) {
      const bool settles = settings_.kind == config::CameraSettings::Kind::rtsp && !up_;
      if (first && settles) settled = clock_.mono() + kRtspSettleTime;
      if (settles) next_sequence_ = pipeline_first_ + frame.sequence;  // what was lost until now was of the burst
      if (clock_.mono() >= settled)
        taken = take(frame);
      else
        ++next_sequence_;
    });
    counters_.bad_frames.add(pipeline->take_broken_count());
    if (!came) return std::unexpected(came.error());
    if (!taken) return taken;
    const MonoTime now = clock_.mono();
    if (*came) {
      last = now;
      first = false;
      continue;
    }
    const nanoseconds limit = first ? std::max<nanoseconds>(kFirstFrameMax, settings_.stall_max) : settings_.stall_max;
    if (now - last > limit)
      return fail(ErrorCode::camera_unavailable,
                  std::format("no {} for {} ms", first ? "first frame" : "frame",
                              std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()));
  }
  return {};
}

Result<void> CameraSource::take(const FrameView& frame) {
  if (width_ == 0) width_ = frame.image.width;
  if (height_ == 0) height_ = frame.image.height;
  if (frame.image.width != width_ || frame.image.height != height_) {
    counters_.bad_frames.add();
    return fail(ErrorCode::camera_unavailable, std::format("it sends pictures of {}x{} instead of {}x{}",
                                                           frame.image.width, frame.image.height, width_, height_));
  }
  if (!up_) {
    up_ = true;
    up_since_ = clock_.mono();
    counters_.up.set(1);
    sink_->on_state(SourceState::up, {});
    ups_log_.log(LogLevel::info, "camera", std::format("{}: frames come", describe(settings_)),
                 {{"camera", settings_.name}, {"width", std::int64_t{width_}}, {"height", std::int64_t{height_}}});
  }
  FrameView numbered = frame;
  numbered.sequence = pipeline_first_ + frame.sequence;
  counters_.lost_frames.add(numbered.sequence - next_sequence_);
  next_sequence_ = numbered.sequence + 1;
  (frame.damaged ? counters_.bad_frames : counters_.frames).add();
  sink_->on_frame(numbered);
  return {};
}

}  // namespace lineside::gateway
