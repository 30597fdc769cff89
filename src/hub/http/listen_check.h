#pragma once
// What must be right before Drogon starts: it ends the process when it is not.
#include <string>

#include "base/result.h"

namespace lineside::hub {

// Binds and listens for a moment. Errors: address_in_use (taken, not allowed, or not an address of this machine).
Result<void> check_can_listen(const std::string& address, int port);

// The files are a certificate and its private key. Errors: file_not_found, file_format.
Result<void> check_certificate_pair(const std::string& cert_file, const std::string& key_file);

}  // namespace lineside::hub
