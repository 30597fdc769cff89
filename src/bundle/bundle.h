#pragma once
// A model bundle, FILE.lsb: an uncompressed ustar archive with exactly manifest.json, model.onnx, for the task
// "condition" detectors.json, and model.sig, in this order. model.sig follows the OpenSSF Model Signing v1.0 layout
// (docs/bundle-format.md), so the unpacked folder can be verified with other tools too. Reading trusts nothing in the
// file: sizes are bounded, everything else is refused.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "bundle/keys.h"
#include "bundle/manifest.h"

namespace lineside::bundle {

struct BundleLimits {
  std::size_t manifest_bytes_max = 1u << 20, onnx_bytes_max = 512u << 20, detectors_bytes_max = 256u << 20,
              signature_bytes_max = 1u << 20;
};

// Immutable once opened; any thread may read it.
class Bundle {
 public:
  // Errors: file_not_found, file_io; bundle_invalid (not an archive of this kind, cut off, too big, manifest wrong);
  // bundle_signature (hash or signature wrong, signer not trusted, unsigned though not allowed).
  static Result<Bundle> open(const std::filesystem::path& path, const Trust& trust);
  // The same from memory; `name` stands for the file in messages.
  static Result<Bundle> parse(std::span<const std::uint8_t> bytes, std::string_view name, const Trust& trust,
                              const BundleLimits& limits = {});

  const Manifest& manifest() const { return manifest_; }
  std::span<const std::uint8_t> onnx() const { return onnx_; }
  // What the task "condition" needs beside the network (src/condition/model.h); empty for other tasks.
  std::span<const std::uint8_t> detectors() const { return detectors_; }
  const std::string& onnx_sha256() const { return onnx_sha256_; }  // hex
  // The trusted key's id that signed it; empty when unsigned or opened with inspect_only.
  const std::string& signer() const { return signer_; }
  bool has_signature() const { return has_signature_; }
  // What the signature file says of its key, unproven; empty when unsigned.
  const std::string& signer_hint() const { return signer_hint_; }

 private:
  Bundle() = default;
  Manifest manifest_;
  std::vector<std::uint8_t> onnx_, detectors_;
  std::string onnx_sha256_, signer_, signer_hint_;
  bool has_signature_ = false;
};

// Writes a signed bundle, atomically. The same manifest, model and key give the same bytes. `detectors` is for the task
// "condition" and must be empty for others.
// Errors: bundle_invalid (validate(manifest) refuses), disk_full, file_io.
Result<void> write_bundle(const std::filesystem::path& path, const Manifest& manifest,
                          std::span<const std::uint8_t> onnx, const SigningKey& key,
                          std::span<const std::uint8_t> detectors = {});
// The bytes of a bundle; without a key it is unsigned.
Result<std::vector<std::uint8_t>> make_bundle(const Manifest& manifest, std::span<const std::uint8_t> onnx,
                                              const SigningKey* key, std::span<const std::uint8_t> detectors = {});

}  // namespace lineside::bundle
