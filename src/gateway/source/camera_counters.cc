#include "gateway/source/camera_counters.h"

namespace lineside::gateway {

CameraCounters::CameraCounters(MetricsRegistry& metrics, const std::string& camera)
    : up(metrics.gauge("lineside_camera_up", "1 while frames come from the camera", {{"camera", camera}})),
      frames(metrics.counter("lineside_camera_frames_total", "Frames handed to the station", {{"camera", camera}})),
      lost_frames(metrics.counter("lineside_camera_lost_frames_total",
                                  "Frames that came from the camera but were not taken in time", {{"camera", camera}})),
      bad_frames(metrics.counter("lineside_camera_bad_frames_total", "Broken pictures and frames of another size",
                                 {{"camera", camera}})),
      connects(metrics.counter("lineside_camera_connects_total", "Times the camera was opened", {{"camera", camera}})),
      failures(metrics.counter("lineside_camera_failures_total", "Times the camera went down", {{"camera", camera}})) {}

}  // namespace lineside::gateway
