#pragma once
// The settings of a client of an OPC UA server, wherever one stands in a settings file.
#include <string>

#include "config/checks.h"
#include "config/opcua_settings.h"
#include "config/table.h"

namespace lineside::config {

struct OpcuaWords {
  std::string title = "An OPC UA server";
  OpcuaSettings defaults{};
  bool arrays = true;  // nodes hold arrays of samples, whose time has to be told
};

Table<OpcuaSettings> opcua_table(const OpcuaWords& words = {});
// `at`: the key of the object.
void check_opcua(const std::string& at, const OpcuaSettings& opcua, Findings& findings);

}  // namespace lineside::config
