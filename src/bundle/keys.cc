#include "bundle/keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <format>

#include "base/file.h"
#include "base/owned.h"
#include "bundle/digest.h"

namespace lineside::bundle {
namespace {

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Context = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Bio = Owned<BIO, BIO_free_all>;

constexpr std::size_t kKeyFileBytesMax = 64 * 1024;

std::string openssl_reason() {
  char text[256] = "unknown reason";
  if (const unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

bool is_p256(const EVP_PKEY* key) {
  char group[64] = {};
  return EVP_PKEY_is_a(key, "EC") != 0 && EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1 &&
         (std::string_view(group) == "prime256v1" || std::string_view(group) == "P-256");
}

bool is_ed25519(const EVP_PKEY* key) { return EVP_PKEY_is_a(key, "ED25519") != 0; }

Result<Key> checked(EVP_PKEY* raw, std::string_view name, std::string_view what) {
  Key key(raw);
  if (!key) {
    ERR_clear_error();
    return fail(ErrorCode::file_format, std::format("{} holds no {} in PEM form", name, what));
  }
  if (!is_ed25519(key.get()) && !is_p256(key.get()))
    return fail(ErrorCode::file_format, std::format("{} holds a {} of type {}; only Ed25519 and ECDSA P-256 are used",
                                                    name, what, EVP_PKEY_get0_type_name(key.get())));
  return key;
}

// No password is ever asked for: a program that runs unattended would wait for ever.
int no_password(char*, int, int, void*) { return 0; }

Bio memory_bio(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string bio_text(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string public_pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), key);
  return bio_text(bio);
}

const EVP_MD* digest_for(const EVP_PKEY* key) { return is_ed25519(key) ? nullptr : EVP_sha256(); }

}  // namespace

struct PublicKey::State {
  Key key;
  std::string pem, id;
};

struct SigningKey::State {
  Key key;
};

Result<PublicKey> PublicKey::from_pem(std::string_view pem, std::string_view name) {
  const Bio bio = memory_bio(pem);
  LINESIDE_ASSIGN(Key key, checked(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr), name, "public key"));
  auto state = std::make_shared<State>();
  state->pem = public_pem(key.get());
  state->id = sha256_hex(bytes_of(state->pem));
  state->key = std::move(key);
  PublicKey result;
  result.state_ = std::move(state);
  return result;
}

Result<PublicKey> PublicKey::load(const fs::path& path) {
  LINESIDE_ASSIGN(const std::string pem, read_text(path, kKeyFileBytesMax));
  return from_pem(pem, path.string());
}

bool PublicKey::verify(std::span<const std::uint8_t> message, std::span<const std::uint8_t> signature) const {
  const Context context(EVP_MD_CTX_new());
  EVP_PKEY* key = state_->key.get();
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, digest_for(key), nullptr, key) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return good;
}

const std::string& PublicKey::pem() const { return state_->pem; }
const std::string& PublicKey::id() const { return state_->id; }

Result<SigningKey> SigningKey::generate(KeyKind kind) {
  Key key(kind == KeyKind::ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                   : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!key) return fail(ErrorCode::internal, "no signing key could be made: " + openssl_reason());
  SigningKey result;
  result.state_ = std::make_shared<const State>(State{std::move(key)});
  return result;
}

Result<SigningKey> SigningKey::load(const fs::path& path) {
  LINESIDE_ASSIGN(std::string pem, read_text(path, kKeyFileBytesMax));
  const Bio bio = memory_bio(pem);
  auto key = checked(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), path.string(),
                     "private key without a password");
  OPENSSL_cleanse(pem.data(), pem.size());
  if (!key) return std::unexpected(std::move(key).error());
  SigningKey result;
  result.state_ = std::make_shared<const State>(State{std::move(*key)});
  return result;
}

Result<SigningKey> SigningKey::load_or_create(const fs::path& path) {
  std::error_code ignored;
  const bool is_there = fs::exists(path, ignored);
  if (!is_there) {
    LINESIDE_ASSIGN(const SigningKey made, generate());
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), ignored);
    LINESIDE_TRY(made.place(path));
  }
  LINESIDE_ASSIGN(SigningKey key, load(path));
  const fs::path beside = path.string() + ".pub";
  const std::string pem = key.public_key().pem();
  if (const auto half = read_text(beside, kKeyFileBytesMax); half && *half == pem) return key;
  // A key that somebody keeps where nothing can be written signs all the same.
  if (const auto written = write_atomically(beside, pem); !written && !is_there)
    return std::unexpected(written.error());
  return key;
}

// A link does not replace what somebody else has made meanwhile. Some file systems know no links.
Result<void> SigningKey::place(const fs::path& path) const {
  const fs::path mine = std::format("{}.{}", path.string(), ::getpid());
  auto placed = write_private(mine);
  if (placed && ::link(mine.c_str(), path.c_str()) != 0 && errno != EEXIST) placed = write_private(path);
  std::error_code ignored;
  fs::remove(mine, ignored);
  return placed;
}

fs::path SigningKey::default_path() {
  const char* data = ::getenv("XDG_DATA_HOME");
  const char* home = ::getenv("HOME");
  const fs::path base = data != nullptr && *data != 0 ? fs::path(data) : fs::path(home ? home : ".") / ".local/share";
  return base / "lineside" / "signing-key.pem";
}

Result<std::vector<std::uint8_t>> SigningKey::sign(std::span<const std::uint8_t> message) const {
  EVP_PKEY* key = state_->key.get();
  const Context context(EVP_MD_CTX_new());
  unsigned int deterministic = 1;  // RFC 6979
  OSSL_PARAM params[] = {OSSL_PARAM_construct_uint(OSSL_SIGNATURE_PARAM_NONCE_TYPE, &deterministic),
                         OSSL_PARAM_construct_end()};
  EVP_PKEY_CTX* key_context = nullptr;
  bool good = EVP_DigestSignInit(context.get(), &key_context, digest_for(key), nullptr, key) == 1;
  if (good && !is_ed25519(key)) good = EVP_PKEY_CTX_set_params(key_context, params) == 1;
  std::size_t size = 0;
  good = good && EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1;
  std::vector<std::uint8_t> signature(size);
  good = good && EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1;
  if (!good) return fail(ErrorCode::internal, "signing failed: " + openssl_reason());
  signature.resize(size);
  return signature;
}

PublicKey SigningKey::public_key() const {
  auto state = std::make_shared<PublicKey::State>();
  EVP_PKEY_up_ref(state_->key.get());
  state->key = Key(state_->key.get());
  state->pem = public_pem(state->key.get());
  state->id = sha256_hex(bytes_of(state->pem));
  PublicKey result;
  result.state_ = std::move(state);
  return result;
}

Result<void> SigningKey::write_private(const fs::path& path) const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), state_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail(ErrorCode::internal, "the signing key can't be written: " + openssl_reason());
  std::string pem = bio_text(bio);
  auto saved = write_atomically(path, pem, 0600);
  OPENSSL_cleanse(pem.data(), pem.size());
  return saved;
}

Result<Trust> Trust::from_files(const std::vector<std::string>& key_files, bool allow_unsigned) {
  Trust trust;
  trust.allow_unsigned = allow_unsigned;
  for (const auto& file : key_files) {
    LINESIDE_ASSIGN(PublicKey key, PublicKey::load(file));
    trust.keys.push_back(std::move(key));
  }
  return trust;
}

}  // namespace lineside::bundle
