#pragma once
// The settings of a client of an OPC UA server, wherever one stands in a settings file.
#include <string>

#include "config/checks.h"
#include "config/opcua_settings.h"
#include "config/table.h"

namespace lineside::config {

Table<OpcuaSettings> opcua_table();
// `at`: the key of the object.
void check_opcua(const std::string& at, const OpcuaSettings& opcua, Findings& findings);

}  // namespace lineside::config
