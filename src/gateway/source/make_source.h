#pragma once
// Makes the source of frames or triggers that a configuration names. What each kind does, and what it says when a
// camera misbehaves: docs/cameras.md.
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/frame_source.h"
#include "gateway/api/trigger_source.h"

namespace lineside::gateway {

// A camera or replay folder, not yet started. `clock` and `metrics` must outlive it.
// A camera that is not there is no error here: it is state `down` after start(), retried with back-off.
// Errors: camera_unavailable (a GStreamer element that this kind needs is not installed; the message names the
// package), config_invalid (pipeline text that GStreamer can't parse), file_not_found (replay folder missing or without
// pictures).
//
// Counters of every source, label camera=NAME:
//   lineside_camera_up                      gauge, 1: frames come
//   lineside_camera_frames_total            frames handed to the sink
//   lineside_camera_lost_frames_total       frames that came from the camera but were too late for the sink (law 4)
//   lineside_camera_bad_frames_total        broken pictures, and frames of another size than expected
//   lineside_camera_connects_total          times the camera was opened, the first one included
//   lineside_camera_failures_total          times it went down
Result<std::unique_ptr<FrameSource>> make_frame_source(const config::CameraSettings& settings, Clock& clock,
                                                       MetricsRegistry& metrics);

// A trigger input of `station`, not yet started; null for every_frame, which needs none.
// start() of the result: errors trigger_unavailable. Counters, label station=NAME: lineside_trigger_edges_total,
// lineside_trigger_bounces_total (edges inside the debounce time), lineside_trigger_lost_total (the kernel's queue ran
// over).
Result<std::unique_ptr<TriggerSource>> make_trigger_source(const config::TriggerSettings& settings,
                                                           const std::string& station, Clock& clock,
                                                           MetricsRegistry& metrics);

}  // namespace lineside::gateway
