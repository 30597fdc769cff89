#pragma once
// One attempt to get frames from a camera through GStreamer: a pipeline from the camera to an appsink, made, played and
// thrown away. GStreamer's types stay inside.
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/frame_source.h"

namespace lineside::gateway {

// Starts GStreamer (once for the process) and checks that it has what the camera's kind needs.
// Errors: camera_unavailable (names the missing element and its package), config_invalid (the pipeline text's mistake).
Result<void> check_gstreamer(const config::CameraSettings& camera);

// "camera 'c1' (rtsp://***@10.0.0.5/stream)": for messages, without credentials.
std::string describe(const config::CameraSettings& camera);

// `text` with the user name and password of every URL in it replaced.
std::string without_credentials(std::string text);

// Owner thread only, destructor included, which takes the pipeline down (bounded: some 100 ms for RTSP).
class CameraPipeline {
 public:
  // Builds it and starts it; returns before the camera has answered.
  static Result<std::unique_ptr<CameraPipeline>> open(const config::CameraSettings& camera, Clock& clock);
  ~CameraPipeline();

  using Take = std::function<void(const FrameView&)>;
  // Waits at most `wait_max` for a frame and hands its mapped pixels to `take`, without a copy; false: none came.
  // FrameView::sequence counts from 0 in each pipeline; its jumps are frames that were not pulled in time.
  // Errors: camera_unavailable with GStreamer's reason.
  Result<bool> next(nanoseconds wait_max, const Take& take);
  // Encoded pictures that the decoder could not read since the last call.
  std::uint64_t take_broken_count();

 private:
  struct State;
  explicit CameraPipeline(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::gateway
