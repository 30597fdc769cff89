#pragma once
// How an MQTT broker is reached: the same eight settings for the uplink, the hub and an MQTT actuator.
#include <string>

namespace lineside {

struct BrokerAccess {
  std::string host = "127.0.0.1";  // name or address
  int port = 8883;
  bool tls = true;
  std::string ca_file;              // PEM; empty: the system's certificates
  std::string cert_file, key_file;  // PEM, both or neither
  std::string username;             // empty: none
  std::string password_file;        // its first line
};

}  // namespace lineside
