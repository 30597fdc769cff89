#pragma once
// How a gateway is a client of an OPC UA server.
#include <chrono>
#include <cstdint>

#include "model/opcua_access.h"

namespace lineside::config {

struct OpcuaSettings {
  OpcuaAccess server;
  std::chrono::milliseconds sampling{0};      // of the server; 0: each change
  std::chrono::milliseconds publishing{100};  // how often it sends what changed
  int queue = 50;                             // values of a node that it holds until then
  // Which sample of an array was taken at its source time.
  enum class Stamp : std::uint8_t { last_sample, first_sample } stamp = Stamp::last_sample;
};

}  // namespace lineside::config
