#pragma once
// Certificates of OPC UA applications (OPC 10000-6, 6.2.2), in one folder:
//   own/certificate.der, own/key.pem   this application's; made at the first use, the key for its owner only
//   trusted/                           servers' certificates that are accepted, and authorities that may sign them
//   rejected/                          certificates that came and were not accepted; move one to trusted/ to accept it
// Files may be DER or PEM. Through OpenSSL.
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lineside::opcua {

using Bytes = std::vector<std::uint8_t>;

struct Identity {
  Bytes certificate;            // DER
  Bytes key;                    // DER (PKCS #8)
  std::string application_uri;  // the URI of the certificate's subjectAltName
};

// The folder's own certificate; made (RSA 2048, SHA-256, self-signed, ten years, urn:HOST:lineside:APPLICATION) if
// there is none, of the key there if there is one. Errors: file_not_found (one of the two files), file_format, file_io,
// disk_full.
Result<Identity> own_identity(const std::filesystem::path& folder, std::string_view application);
// A certificate and its key from two files. Errors: file_not_found, file_io, file_format.
Result<Identity> load_identity(const std::filesystem::path& certificate, const std::filesystem::path& key);

// Accepts a certificate that lies in trusted/, or that an authority there has signed and that names the host; either
// must be valid now. `chain`: DER, the leaf first. What is not accepted is put into rejected/ (at most 50 files).
// Reads the folder anew each time. Errors: opcua_untrusted (says why, and where to put it).
Result<void> check_trust(const std::filesystem::path& folder, std::span<const std::uint8_t> chain,
                         const std::string& host);

}  // namespace lineside::opcua
