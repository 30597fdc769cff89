#pragma once
// The settings of one open62541 client. Only for this module's sources.
#include <open62541/client.h>
#include <open62541/plugin/log.h>

#include <filesystem>
#include <string>

#include "base/result.h"
#include "model/opcua_access.h"
#include "opcua/connection.h"

namespace lineside::opcua {

// What the library's hooks work on. Must outlive the client and may not move.
struct ClientSurroundings {
  UA_Logger logger{};
  std::string last_trouble;  // the library's newest warning or error
  std::filesystem::path pki_folder;
  std::string host;               // that the certificate should be of
  Result<void> trusted{};         // what came of the last look at the server's certificate
  bool any_token_policy = false;  // the server leaves it open how a sign-in is protected
  int closings = 0;               // of the channel
  bool silent = false;            // the subscription said nothing for too long
};

struct Endpoint {
  std::string host, path;  // path with its '/', or empty
  int port = 4840;
};
// Errors: config_invalid.
Result<Endpoint> parse_endpoint(const std::string& url);

// Errors: config_invalid, internal.
Result<UA_Client*> make_client(const OpcuaAccess& access, const Credentials& credentials,
                               std::chrono::milliseconds answer_max, ClientSurroundings& surroundings);

// Warnings and errors of the library: the newest into `last_trouble` if there is one, all into the log for debugging.
UA_Logger quiet_logger(std::string* last_trouble);

}  // namespace lineside::opcua
