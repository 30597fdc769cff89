#pragma once
// Makes the source of tags that a configuration names. How each protocol is wired: docs/tags.md.
//
// Counters of every source, label source=NAME:
//   lineside_tag_samples_total        readings handed over, of good or uncertain quality
//   lineside_tag_bad_values_total     readings that can't be used, each one
//   lineside_tag_odd_times_total      source times of a wrong clock, left out (TagIntake says which)
//   lineside_tag_connects_total       times the source was reached, the first one included
//   lineside_tag_messages_total       requests answered, messages, notifications or rows taken in
//   lineside_tag_lost_total           what never came: polls left out, queues of a server that overflowed
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/metrics.h"
#include "config/tag_settings.h"
#include "gateway/api/tag_source.h"

namespace lineside::gateway {

// Not yet started. Of `tags`, all the gateway's, it reads those that name it; a sample's `tag` is the place in `tags`.
// `clock` and `metrics` must outlive it. Errors: file_not_found, file_io, file_format, limit_reached, usage (a
// recording that can't be played), config_invalid (a JSON Pointer that is none).
Result<std::unique_ptr<TagSource>> make_tag_source(const config::TagSourceSettings& settings,
                                                   std::span<const config::TagSettings> tags, Clock& clock,
                                                   MetricsRegistry& metrics);

}  // namespace lineside::gateway
