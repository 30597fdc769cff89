#pragma once
// The table of the settings in sparkplug_settings.h, and what must fit together in them.
#include <string>

#include "config/checks.h"
#include "config/sparkplug_settings.h"
#include "config/table.h"

namespace lineside::config {

Table<SparkplugSettings> sparkplug_table();
// `at`: the key of the object. `gateway`: its name, which is the edge node's where none is given.
void check_sparkplug(const std::string& at, const SparkplugSettings& sparkplug, const std::string& gateway,
                     Findings& findings);

}  // namespace lineside::config
