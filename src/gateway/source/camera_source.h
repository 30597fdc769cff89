#pragma once
// A camera behind GStreamer, kept alive: opened, watched, and after any failure opened again with back-off.
#include <memory>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/frame_source.h"
#include "gateway/source/camera_counters.h"

namespace lineside::gateway {

// One thread calls the sink, opens and closes the camera; GStreamer's own threads receive and decode. A camera that
// blocks holds up that thread only. stop() returns within a second, also while connecting.
class CameraSource final : public FrameSource {
 public:
  // How long an opened camera may take to its first frame: connecting, and the wait for an H.264 key frame.
  static constexpr std::chrono::seconds kFirstFrameMax{10};

  CameraSource(const config::CameraSettings& settings, Clock& clock, MetricsRegistry& metrics);
  ~CameraSource() override;
  Result<void> start(FrameSink& sink) override;
  void stop() override;

 private:
  void run(const std::stop_token& stop);
  Result<void> watch(const std::stop_token& stop);
  Result<void> take(const FrameView& frame);
  void report_down(const Error& why, nanoseconds pause);

  const config::CameraSettings settings_;
  Clock& clock_;
  CameraCounters counters_;
  LogLimiter downs_log_, ups_log_;
  FrameSink* sink_ = nullptr;
  int width_, height_;                // expected; 0: the first frame decides
  std::uint64_t next_sequence_ = 0;   // of this source
  std::uint64_t pipeline_first_ = 0;  // next_sequence_ when the pipeline was opened
  MonoTime up_since_{};
  bool up_ = false;
  std::jthread thread_;
};

}  // namespace lineside::gateway
