#pragma once
// Keys that sign bundles and keys that are trusted: Ed25519 (RFC 8032) or ECDSA P-256 with SHA-256 and the
// deterministic nonce of RFC 6979, so that signing twice gives the same bytes. PEM files, through OpenSSL.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lineside::bundle {

// Copyable, immutable, any thread.
class PublicKey {
 public:
  // Errors: file_not_found, file_io, file_format (not a PEM public key, or of another kind).
  static Result<PublicKey> load(const std::filesystem::path& path);
  static Result<PublicKey> from_pem(std::string_view pem, std::string_view name);
  bool verify(std::span<const std::uint8_t> message, std::span<const std::uint8_t> signature) const;
  const std::string& pem() const;
  const std::string& id() const;  // SHA-256 of the PEM text, hex: the "hint" of a signature file

 private:
  friend class SigningKey;
  struct State;
  std::shared_ptr<const State> state_;
};

enum class KeyKind : std::uint8_t { ed25519, ecdsa_p256 };

class SigningKey {
 public:
  static Result<SigningKey> generate(KeyKind kind = KeyKind::ed25519);
  static Result<SigningKey> load(const std::filesystem::path& path);
  // Makes the key (mode 0600) if `path` is not there yet: whole or not at all, and once, also when several processes
  // do it at the same moment. Its public half beside it (PATH.pub) is written when it is not there or of another key.
  static Result<SigningKey> load_or_create(const std::filesystem::path& path);
  // $XDG_DATA_HOME/lineside/signing-key.pem, or below ~/.local/share.
  static std::filesystem::path default_path();
  Result<std::vector<std::uint8_t>> sign(std::span<const std::uint8_t> message) const;
  PublicKey public_key() const;

 private:
  Result<void> write_private(const std::filesystem::path& path) const;
  Result<void> place(const std::filesystem::path& path) const;
  struct State;
  std::shared_ptr<const State> state_;
};

// Whose bundles are opened.
struct Trust {
  std::vector<PublicKey> keys;
  bool allow_unsigned = false;  // a bundle without model.sig
  bool inspect_only = false;    // hashes are checked but not who signed: for tools that show, never for running

  // Errors: as PublicKey::load.
  static Result<Trust> from_files(const std::vector<std::string>& key_files, bool allow_unsigned);
};

}  // namespace lineside::bundle
