#include "hub/auth/passwords.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <format>

namespace lineside::hub {
namespace {

// Safe to call again and from any thread; everything below needs it once.
void start_sodium() {
  if (sodium_init() < 0) std::abort();
}

}  // namespace

std::string make_password() {
  start_sodium();
  static constexpr std::string_view kLetters = "abcdefghjkmnpqrstuvwxyz23456789";
  std::string password;
  for (int i = 0; i < 20; ++i) {
    if (i > 0 && i % 5 == 0) password += '-';
    password += kLetters[randombytes_uniform(static_cast<std::uint32_t>(kLetters.size()))];
  }
  return password;
}

Result<void> check_password_rules(std::string_view password) {
  if (password.size() < kPasswordMin || password.size() > kPasswordMax)
    return fail(ErrorCode::usage, std::format("A password has {} to {} characters; this one has {}.", kPasswordMin,
                                              kPasswordMax, password.size()));
  static constexpr std::array<std::string_view, 6> kTried{"password12", "password123",   "1234567890",
                                                          "0123456789", "administrator", "qwertyuiop"};
  const bool one_letter = std::ranges::all_of(password, [&](char c) { return c == password.front(); });
  if (one_letter || std::ranges::find(kTried, password) != kTried.end())
    return fail(ErrorCode::usage, "This password is one of those that everybody tries first; take another one.");
  return {};
}

Result<std::string> hash_password(std::string_view password) {
  start_sodium();
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str_alg(hash.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                            crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail(ErrorCode::limit_reached,
                "Hashing a password needs 64 MiB of memory, and the system has not got them.");
  return std::string(hash.data());
}

bool verify_password(const std::string& hash, std::string_view password) {
  start_sodium();
  if (hash.size() >= crypto_pwhash_STRBYTES || password.size() > kPasswordMax) return false;
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

std::string make_token() {
  start_sodium();
  std::array<unsigned char, 32> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, 65> hex{};
  return sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
}

std::string token_hash(std::string_view token) {
  start_sodium();
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(token.data()), token.size());
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace lineside::hub
