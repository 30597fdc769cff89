#pragma once
// The hub's own certificate authority: who may speak to the broker is decided by client certificates (X.509 v3,
// RFC 5280; EC P-256 keys, ECDSA with SHA-256). Files are PEM; keys are written with mode 0600, both atomically.
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::hub {

struct CertificateFiles {
  std::filesystem::path certificate, key;
};

struct CertificateRequest {
  std::string common_name;  // at most 64 characters; the broker takes it as the client's user name
  std::string organization = "Lineside";
  std::vector<std::string> hosts;  // server certificates: DNS names and IP addresses it is valid for
  bool server = false;             // extended key usage serverAuth, else clientAuth
  std::chrono::days valid{5 * 365};
};

// A self-signed authority, valid for ten years, that may sign end certificates only (path length 0).
// Errors: file_io, disk_full, internal (OpenSSL's reason in the message).
Result<void> make_authority(const CertificateFiles& files, const std::string& common_name, Clock& clock);

// A new key and a certificate signed by the authority. Errors: usage (a host or name that can't stand in a
// certificate), file_not_found, file_format (the authority's files), file_io, disk_full, internal.
Result<void> issue_certificate(const CertificateFiles& authority, const CertificateRequest& request,
                               const CertificateFiles& files, Clock& clock);

// When the certificate in the file ends. Errors: file_not_found, file_format.
Result<WallTime> certificate_end(const std::filesystem::path& certificate);

}  // namespace lineside::hub
