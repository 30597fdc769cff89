#pragma once
// The tables of the settings in tag_settings.h, and what must fit together in them.
#include "config/checks.h"
#include "config/table.h"
#include "config/tag_settings.h"

namespace lineside::config {

// The lists `tag_sources` and `tags`, and what holds for all tags together.
Table<TelemetrySettings> tag_lists_table();
Table<TelemetrySettings> telemetry_table();

// Where a tag's max_silence is not set it gets the usual one of its source.
void set_usual_silences(TelemetrySettings& telemetry);
void check_telemetry(const TelemetrySettings& telemetry, Findings& findings);

// MQTT 3.1.1, 4.7: '+' is a whole level, '#' the last one.
bool is_topic_filter(const std::string& text);
// RFC 6901: empty, or '/' and what follows, '~' only as ~0 and ~1.
bool is_json_pointer(const std::string& text);

}  // namespace lineside::config
