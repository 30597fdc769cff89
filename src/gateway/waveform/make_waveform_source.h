#pragma once
// Makes the source of waveforms that a configuration names. Formats: docs/waveforms.md.
//
// Counters of every source, label source=NAME:
//   lineside_waveform_blocks_total      blocks handed to the sinks
//   lineside_waveform_bad_blocks_total  messages that are no block, and blocks that nobody asked for
//   lineside_waveform_bytes_total       bytes of blocks taken in
//   lineside_waveform_connects_total    times the source was reached, the first one included
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/metrics.h"
#include "config/asset_settings.h"
#include "gateway/api/waveform_source.h"

namespace lineside::gateway {

// Not yet started. `clock` and `metrics` must outlive it. `rate_hz`: of files that don't say theirs.
// `assets`: for opcua, which finds its nodes in those that name it, and whose topics are their names.
// Errors: file_not_found (path of a replay).
Result<std::unique_ptr<WaveformSource>> make_waveform_source(const config::WaveformSourceSettings& settings,
                                                             double rate_hz, Clock& clock, MetricsRegistry& metrics,
                                                             std::span<const config::AssetSettings> assets = {});

}  // namespace lineside::gateway
