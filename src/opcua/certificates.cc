#include "opcua/certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <format>
#include <memory>

#include "base/file.h"

namespace lineside::opcua {
namespace {

constexpr std::size_t kFileBytesMax = 1u << 20, kRejectedMax = 50, kChainMax = 10;
constexpr long kValidSeconds = 3650L * 24 * 3600, kClockSlackSeconds = 24 * 3600;
constexpr int kKeyBits = 2048;

template <auto free_it>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free_it(object);
  }
};
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

struct FreeCertificates {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using CertificatesPtr = std::unique_ptr<STACK_OF(X509), FreeCertificates>;

std::string openssl_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "no reason given" : reason;
}

X509Ptr from_der(std::span<const std::uint8_t> bytes, std::size_t* used = nullptr) {
  const unsigned char* at = bytes.data();
  X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())));
  if (used != nullptr) *used = static_cast<std::size_t>(at - bytes.data());
  ERR_clear_error();
  return certificate;
}

X509Ptr from_der_or_pem(const Bytes& bytes) {
  if (X509Ptr der = from_der(bytes)) return der;
  const BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  X509Ptr pem(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return pem;
}

int no_password(char*, int, int, void*) { return -1; }

Result<KeyPtr> key_of(const Bytes& bytes, const fs::path& file) {
  const unsigned char* at = bytes.data();
  if (KeyPtr der{d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(bytes.size()))}) return der;
  const BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  KeyPtr pem(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (pem == nullptr)
    return fail(ErrorCode::file_format,
                std::format("{} is no private key (DER or PEM, without a password)", file.string()));
  return pem;
}

Bytes der_of(X509& certificate) {
  Bytes bytes(static_cast<std::size_t>(std::max(0, i2d_X509(&certificate, nullptr))));
  unsigned char* at = bytes.data();
  i2d_X509(&certificate, &at);
  return bytes;
}

Bytes der_of(const EVP_PKEY& key) {
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>> info(EVP_PKEY2PKCS8(&key));
  if (info == nullptr) return {};
  Bytes bytes(static_cast<std::size_t>(std::max(0, i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr))));
  unsigned char* at = bytes.data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at);
  return bytes;
}

std::string uri_of(X509& certificate) {
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_STRING* uri = name->d.uniformResourceIdentifier;
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
            static_cast<std::size_t>(ASN1_STRING_length(uri))};
  }
  return {};
}

std::string subject_of(X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(std::max(0L, length))};
}

// SHA-1 of the DER form: OPC UA's own name of a certificate.
std::string thumbprint_of(X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  X509_digest(&certificate, EVP_sha1(), digest.data(), &length);
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += std::format("{:02X}", digest[i]);
  return text;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == 0) return "localhost";
  return name.data();
}

bool add_extension(X509& certificate, int what, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, &certificate, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(&certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool set_subject(X509& certificate, std::string_view application) {
  X509_NAME* name = X509_get_subject_name(&certificate);
  const std::string common = std::format("Lineside {}", application);
  const auto add = [name](const char* field, const std::string& text) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
  };
  return add("O", "Lineside") && add("CN", common) && X509_set_issuer_name(&certificate, name) == 1;
}

X509Ptr make_certificate(EVP_PKEY& key, std::string_view application) {
  X509Ptr certificate(X509_new());
  std::array<unsigned char, 16> serial{};
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(BN_new());
  const std::string host = host_name();
  const bool made =
      certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      BN_rand(number.get(), static_cast<int>(serial.size() * 8 - 1), BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
      // A gateway's clock may be behind or ahead of the server's by a time zone.
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kClockSlackSeconds) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidSeconds) != nullptr &&
      X509_set_pubkey(certificate.get(), &key) == 1 && set_subject(*certificate, application) &&
      add_extension(*certificate, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(*certificate, NID_subject_key_identifier, "hash") &&
      add_extension(*certificate, NID_key_usage,
                    "critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyCertSign") &&
      add_extension(*certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
      add_extension(*certificate, NID_subject_alt_name,
                    std::format("URI:urn:{}:lineside:{},DNS:{}", host, application, host)) &&
      X509_sign(certificate.get(), &key, EVP_sha256()) > 0;
  if (!made) certificate.reset();
  return certificate;
}

Result<KeyPtr> own_key(const fs::path& file) {
  std::error_code error;
  if (fs::exists(file, error)) {
    LINESIDE_ASSIGN(const Bytes bytes, read_bytes(file, kFileBytesMax));
    return key_of(bytes, file);
  }
  KeyPtr key(EVP_RSA_gen(kKeyBits));
  const BioPtr pem(BIO_new(BIO_s_mem()));
  if (key == nullptr || PEM_write_bio_PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail(ErrorCode::internal, "OpenSSL could not make a key: " + openssl_reason());
  char* text = nullptr;
  const long length = BIO_get_mem_data(pem.get(), &text);
  LINESIDE_TRY(write_atomically(file, std::string_view(text, static_cast<std::size_t>(length)), 0600));
  return key;
}

// The key first: whoever was killed between the two makes the certificate of it the next time.
Result<void> make_identity(const fs::path& certificate_file, const fs::path& key_file, std::string_view application) {
  std::error_code error;
  fs::create_directories(certificate_file.parent_path(), error);
  if (error)
    return fail(ErrorCode::file_io,
                std::format("can't make the folder {}: {}", certificate_file.parent_path().string(), error.message()));
  LINESIDE_ASSIGN(const KeyPtr key, own_key(key_file));
  const X509Ptr certificate = make_certificate(*key, application);
  if (certificate == nullptr)
    return fail(ErrorCode::internal, "OpenSSL could not make a certificate: " + openssl_reason());
  return write_atomically(certificate_file, der_of(*certificate));
}

void add_folder(X509_STORE& store, const fs::path& folder, const X509& leaf, bool& pinned) {
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
    const auto bytes = read_bytes(file->path(), kFileBytesMax);
    const X509Ptr certificate = bytes ? from_der_or_pem(*bytes) : nullptr;
    if (certificate == nullptr) continue;
    X509_STORE_add_cert(&store, certificate.get());
    if (X509_cmp(certificate.get(), &leaf) == 0) pinned = true;
  }
  ERR_clear_error();
}

CertificatesPtr read_chain(std::span<const std::uint8_t> chain) {
  CertificatesPtr certificates(sk_X509_new_null());
  while (!chain.empty() && static_cast<std::size_t>(sk_X509_num(certificates.get())) < kChainMax) {
    std::size_t used = 0;
    X509Ptr next = from_der(chain, &used);
    if (next == nullptr) break;
    sk_X509_push(certificates.get(), next.release());
    chain = chain.subspan(used);
  }
  return certificates;
}

bool names_host(X509& certificate, const std::string& host) {
  return X509_check_host(&certificate, host.c_str(), host.size(), 0, nullptr) == 1 ||
         X509_check_ip_asc(&certificate, host.c_str(), 0) == 1;
}

// Empty: accepted; otherwise why not.
std::string distrust(const fs::path& trusted, STACK_OF(X509) & chain, const std::string& host) {
  X509& leaf = *sk_X509_value(&chain, 0);
  const StorePtr store(X509_STORE_new());
  bool pinned = false;
  add_folder(*store, trusted, leaf, pinned);
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store.get(), &leaf, &chain) != 1) return openssl_reason();
  X509_VERIFY_PARAM* how = X509_STORE_CTX_get0_param(context.get());
  // A certificate in the folder is trusted by itself, whoever signed it.
  X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
  const bool valid = X509_verify_cert(context.get()) == 1;
  const int why = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  const bool out_of_date = why == X509_V_ERR_CERT_HAS_EXPIRED || why == X509_V_ERR_CERT_NOT_YET_VALID;
  if (!valid && (pinned || out_of_date)) return X509_verify_cert_error_string(why);
  if (!valid) return "is not trusted";
  if (!pinned && !names_host(leaf, host))
    return std::format("is signed by a trusted authority, but for another host than {}", host);
  return {};
}

void keep_rejected(const fs::path& folder, X509& certificate) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path file = folder / (thumbprint_of(certificate) + ".der");
  if (error || fs::exists(file, error)) return;
  const auto held = std::distance(fs::directory_iterator(folder, error), fs::directory_iterator());
  if (error || static_cast<std::size_t>(held) >= kRejectedMax) return;
  // Where the folder can't be written the message alone has to do.
  static_cast<void>(write_atomically(file, der_of(certificate)));
}

}  // namespace

Result<Identity> load_identity(const fs::path& certificate_file, const fs::path& key_file) {
  LINESIDE_ASSIGN(const Bytes certificate_bytes, read_bytes(certificate_file, kFileBytesMax));
  LINESIDE_ASSIGN(const Bytes key_bytes, read_bytes(key_file, kFileBytesMax));
  const X509Ptr certificate = from_der_or_pem(certificate_bytes);
  if (certificate == nullptr)
    return fail(ErrorCode::file_format, std::format("{} is no certificate (DER or PEM)", certificate_file.string()));
  LINESIDE_ASSIGN(const KeyPtr key, key_of(key_bytes, key_file));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::file_format, std::format("the key {} does not belong to the certificate {}",
                                                    key_file.string(), certificate_file.string()));
  }
  return Identity{der_of(*certificate), der_of(*key), uri_of(*certificate)};
}

Result<Identity> own_identity(const fs::path& folder, std::string_view application) {
  const fs::path certificate = folder / "own" / "certificate.der", key = folder / "own" / "key.pem";
  std::error_code error;
  if (!fs::exists(certificate, error)) LINESIDE_TRY(make_identity(certificate, key, application));
  return load_identity(certificate, key);
}

Result<void> check_trust(const fs::path& folder, std::span<const std::uint8_t> chain, const std::string& host) {
  const CertificatesPtr certificates = read_chain(chain);
  if (sk_X509_num(certificates.get()) == 0)
    return fail(ErrorCode::opcua_untrusted, std::format("what {} sent as its certificate is none", host));
  X509& leaf = *sk_X509_value(certificates.get(), 0);
  const std::string why = distrust(folder / "trusted", *certificates, host);
  if (why.empty()) return {};
  keep_rejected(folder / "rejected", leaf);
  const std::string name = thumbprint_of(leaf) + ".der";
  return fail(ErrorCode::opcua_untrusted,
              std::format("the certificate of {} ({}; thumbprint {}) {}. If it is the right one, move {} to {}", host,
                          subject_of(leaf), thumbprint_of(leaf), why, (folder / "rejected" / name).string(),
                          (folder / "trusted").string()));
}

}  // namespace lineside::opcua
