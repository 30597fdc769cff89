#pragma once
// The counters that every frame source keeps; names and meanings: make_source.h.
#include <string>

#include "base/metrics.h"

namespace lineside::gateway {

struct CameraCounters {
  CameraCounters(MetricsRegistry& metrics, const std::string& camera);
  Gauge& up;
  Counter& frames;
  Counter& lost_frames;
  Counter& bad_frames;
  Counter& connects;
  Counter& failures;
};

}  // namespace lineside::gateway
