#pragma once
// The table of the settings in sparkplug_settings.h, and what must fit together in them.
#include <span>
#include <string>

#include "config/checks.h"
#include "config/sparkplug_settings.h"
#include "config/table.h"
#include "config/tag_settings.h"

namespace lineside::config {

Table<SparkplugSettings> sparkplug_table();
// `at`: the key of the object. `gateway`: its name, which is the edge node's where none is given. `tags`: all there
// are.
void check_sparkplug(const std::string& at, const SparkplugSettings& sparkplug, const std::string& gateway,
                     std::span<const TagSettings> tags, Findings& findings);
void check_sparkplug_id(const std::string& key, const std::string& text, Findings& findings);

}  // namespace lineside::config
