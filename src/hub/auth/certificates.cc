#include "hub/auth/certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <format>

#include "base/file.h"
#include "base/owned.h"

namespace lineside::hub {
namespace {

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;
using Bio = Owned<BIO, BIO_free_all>;
using Number = Owned<BIGNUM, BN_free>;
using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;

std::unexpected<Error> openssl_failure(std::string_view what) {
  char reason[256] = "no reason given";
  if (const auto code = ERR_get_error()) ERR_error_string_n(code, reason, sizeof reason);
  ERR_clear_error();
  return fail(ErrorCode::internal, std::format("OpenSSL could not {}: {}", what, reason));
}

Result<Key> make_key() {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_failure("make a P-256 key");
  return key;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<void> write_files(const CertificateFiles& files, X509* certificate, EVP_PKEY* key) {
  Bio key_text(BIO_new(BIO_s_secmem())), certificate_text(BIO_new(BIO_s_mem()));
  if (!PEM_write_bio_PKCS8PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) ||
      !PEM_write_bio_X509(certificate_text.get(), certificate))
    return openssl_failure("write a certificate");
  // The key first: a certificate whose key is missing would look complete to a second run.
  LINESIDE_TRY(write_atomically(files.key, std::string_view(text_of(key_text.get())), 0600));
  return write_atomically(files.certificate, std::string_view(text_of(certificate_text.get())), 0644);
}

Result<Certificate> read_certificate(const std::filesystem::path& path) {
  LINESIDE_ASSIGN(const auto text, read_text(path, 1u << 20));
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) return fail(ErrorCode::file_format, std::format("{} is not a PEM certificate.", path.string()));
  return certificate;
}

Result<Key> read_key(const std::filesystem::path& path) {
  LINESIDE_ASSIGN(const auto text, read_text(path, 1u << 20));
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!key) return fail(ErrorCode::file_format, std::format("{} is not a PEM private key.", path.string()));
  return key;
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Version 3, a random 127-bit serial number and the times; an hour back, for machines whose clocks differ.
Result<Certificate> start_certificate(EVP_PKEY* key, std::chrono::days valid, Clock& clock) {
  Certificate certificate(X509_new());
  Number serial(BN_new());
  auto now = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(clock.wall()));
  if (!certificate || !serial || !BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) ||
      !BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) ||
      !X509_set_version(certificate.get(), X509_VERSION_3) ||
      !X509_time_adj_ex(X509_getm_notBefore(certificate.get()), 0, -3600, &now) ||
      !X509_time_adj_ex(X509_getm_notAfter(certificate.get()), static_cast<int>(valid.count()), 0, &now) ||
      !X509_set_pubkey(certificate.get(), key))
    return openssl_failure("start a certificate");
  return certificate;
}

bool is_address(const std::string& host) {
  unsigned char buffer[16];
  return inet_pton(AF_INET, host.c_str(), buffer) == 1 || inet_pton(AF_INET6, host.c_str(), buffer) == 1;
}

// Only what a host name or address can be made of: the text becomes part of OpenSSL's extension syntax.
Result<std::string> alternative_names(const std::vector<std::string>& hosts) {
  std::string names;
  for (const auto& host : hosts) {
    const bool address = is_address(host);
    const bool plain =
        !host.empty() && host.size() <= 253 &&
        host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == std::string::npos;
    if (!address && !plain)
      return fail(ErrorCode::usage, std::format("'{}' is neither a host name nor an IP address.", host));
    names += std::format("{}{}:{}", names.empty() ? "" : ",", address ? "IP" : "DNS", host);
  }
  return names;
}

}  // namespace

Result<void> make_authority(const CertificateFiles& files, const std::string& common_name, Clock& clock) {
  LINESIDE_ASSIGN(const auto key, make_key());
  LINESIDE_ASSIGN(const auto certificate, start_certificate(key.get(), std::chrono::days{3650}, clock));
  auto* name = X509_get_subject_name(certificate.get());
  if (!add_name(name, "O", "Lineside") || !add_name(name, "CN", common_name) ||
      !X509_set_issuer_name(certificate.get(), name) ||
      !add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash") ||
      !X509_sign(certificate.get(), key.get(), EVP_sha256()))
    return openssl_failure("make the certificate authority");
  return write_files(files, certificate.get(), key.get());
}

Result<void> issue_certificate(const CertificateFiles& authority, const CertificateRequest& request,
                               const CertificateFiles& files, Clock& clock) {
  if (request.common_name.empty() || request.common_name.size() > 64)
    return fail(ErrorCode::usage,
                std::format("The name '{}' does not fit into a certificate: 1 to 64 characters.", request.common_name));
  LINESIDE_ASSIGN(const auto names, alternative_names(request.hosts));
  LINESIDE_ASSIGN(const auto issuer, read_certificate(authority.certificate));
  LINESIDE_ASSIGN(const auto issuer_key, read_key(authority.key));
  LINESIDE_ASSIGN(const auto key, make_key());
  LINESIDE_ASSIGN(const auto certificate, start_certificate(key.get(), request.valid, clock));
  auto* x509 = certificate.get();
  auto* name = X509_get_subject_name(x509);
  if (!add_name(name, "O", request.organization) || !add_name(name, "CN", request.common_name) ||
      !X509_set_issuer_name(x509, X509_get_subject_name(issuer.get())) ||
      !add_extension(x509, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(x509, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(x509, issuer.get(), NID_ext_key_usage, request.server ? "serverAuth" : "clientAuth") ||
      !add_extension(x509, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(x509, issuer.get(), NID_authority_key_identifier, "keyid") ||
      (!names.empty() && !add_extension(x509, issuer.get(), NID_subject_alt_name, names)) ||
      !X509_sign(x509, issuer_key.get(), EVP_sha256()))
    return openssl_failure(std::format("make the certificate of {}", request.common_name));
  return write_files(files, x509, key.get());
}

Result<WallTime> certificate_end(const std::filesystem::path& path) {
  LINESIDE_ASSIGN(const auto certificate, read_certificate(path));
  std::tm end{};
  if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end))
    return fail(ErrorCode::file_format, std::format("{} has no readable end date.", path.string()));
  return WallTime{std::chrono::seconds{timegm(&end)}};
}

}  // namespace lineside::hub
