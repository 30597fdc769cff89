#pragma once
// Passwords: Argon2id (RFC 9106) by libsodium, 64 MiB and 2 passes, so that one check costs about a tenth of a second.
#include <string>
#include <string_view>

#include "base/result.h"

namespace lineside::hub {

constexpr std::size_t kPasswordMin = 10, kPasswordMax = 200;  // characters (bytes)

// 20 letters and digits without look-alikes, in groups of five: 98 bits from the system's random source.
std::string make_password();

// Errors: usage when the length is outside the limits or the password is one of the few everybody tries.
Result<void> check_password_rules(std::string_view password);

// The string that the database keeps. Errors: limit_reached (no 64 MiB of memory free).
Result<std::string> hash_password(std::string_view password);

// Takes the same time whether or not the password fits. False for a damaged hash.
bool verify_password(const std::string& hash, std::string_view password);

// 32 random bytes as 64 hex digits, and the SHA-256 by which the database knows them.
std::string make_token();
std::string token_hash(std::string_view token);

}  // namespace lineside::hub
