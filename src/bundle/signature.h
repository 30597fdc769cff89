#pragma once
// model.sig: a Sigstore bundle (v0.3 JSON) that holds a DSSE v1 envelope around an in-toto v1 statement with the
// predicate https://model_signing/signature/v1.0, as OpenSSF Model Signing v1.0 writes it for a key pair.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bundle/keys.h"

namespace lineside::bundle {

struct FileDigest {
  std::string name, sha256_hex;
  bool operator==(const FileDigest&) const = default;
};

// `files` in the order of their names. The same input gives the same text.
Result<std::string> make_signature(std::string_view model_name, std::span<const FileDigest> files,
                                   const SigningKey& key);

struct SignatureCheck {
  std::string signer;  // id of the trusted key that signed; empty with inspect_only
  std::string hint;    // what the file says of its key
};

// That model.sig covers exactly `files` and that a trusted key signed it. Errors: bundle_signature; `name` stands for
// the bundle in messages.
Result<SignatureCheck> check_signature(std::string_view signature, std::span<const FileDigest> files,
                                       const Trust& trust, std::string_view name);

}  // namespace lineside::bundle
