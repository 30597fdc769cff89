#include "bundle/bundle.h"

#include <format>

#include "base/file.h"
#include "bundle/archive.h"
#include "bundle/digest.h"
#include "bundle/signature.h"

namespace lineside::bundle {
namespace {

constexpr std::string_view kManifestName = "manifest.json", kModelName = "model.onnx", kSignatureName = "model.sig";

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<FileDigest> digests(std::span<const std::uint8_t> manifest, std::span<const std::uint8_t> onnx) {
  return {{std::string(kManifestName), sha256_hex(manifest)}, {std::string(kModelName), sha256_hex(onnx)}};
}

}  // namespace

Result<Bundle> Bundle::parse(std::span<const std::uint8_t> bytes, std::string_view name, const Trust& trust,
                             const BundleLimits& limits) {
  const ExpectedEntry expected[] = {{kManifestName, limits.manifest_bytes_max},
                                    {kModelName, limits.onnx_bytes_max},
                                    {kSignatureName, limits.signature_bytes_max, false}};
  LINESIDE_ASSIGN(const auto entries, read_archive(bytes, expected, name));
  Bundle bundle;
  bundle.has_signature_ = entries.size() == 3;
  const auto files = digests(entries[0].bytes, entries[1].bytes);
  // Before the manifest is looked at: what is not signed by somebody trusted is not parsed further.
  if (bundle.has_signature_) {
    LINESIDE_ASSIGN(auto check, check_signature(text_of(entries[2].bytes), files, trust, name));
    bundle.signer_ = std::move(check.signer);
    bundle.signer_hint_ = std::move(check.hint);
  } else if (!trust.allow_unsigned && !trust.inspect_only) {
    return fail(ErrorCode::bundle_signature,
                std::format("{} is not signed, and unsigned bundles are not allowed", name));
  }
  auto manifest = parse_manifest(text_of(entries[0].bytes));
  if (!manifest) return fail(manifest.error().code, std::format("{}: {}", name, manifest.error().message));
  bundle.manifest_ = std::move(*manifest);
  bundle.onnx_.assign(entries[1].bytes.begin(), entries[1].bytes.end());
  bundle.onnx_sha256_ = files[1].sha256_hex;
  return bundle;
}

Result<Bundle> Bundle::open(const std::filesystem::path& path, const Trust& trust) {
  const BundleLimits limits;
  const std::size_t whole_max =
      limits.manifest_bytes_max + limits.onnx_bytes_max + limits.signature_bytes_max + std::size_t{16} * 512;
  LINESIDE_ASSIGN(const auto bytes, read_bytes(path, whole_max));
  return parse(bytes, path.string(), trust, limits);
}

Result<std::vector<std::uint8_t>> make_bundle(const Manifest& manifest, std::span<const std::uint8_t> onnx,
                                              const SigningKey* key) {
  LINESIDE_TRY(validate(manifest));
  if (onnx.empty()) return fail(ErrorCode::bundle_invalid, "the ONNX model is empty");
  const std::string json = to_json(manifest);
  std::vector<ArchiveEntry> entries{{kManifestName, bytes_of(json)}, {kModelName, onnx}};
  std::string signature;
  if (key != nullptr) {
    const auto files = digests(bytes_of(json), onnx);
    LINESIDE_ASSIGN(signature, make_signature(manifest.name, files, *key));
    entries.push_back({kSignatureName, bytes_of(signature)});
  }
  return write_archive(entries);
}

Result<void> write_bundle(const std::filesystem::path& path, const Manifest& manifest,
                          std::span<const std::uint8_t> onnx, const SigningKey& key) {
  LINESIDE_ASSIGN(const auto bytes, make_bundle(manifest, onnx, &key));
  return write_atomically(path, bytes);
}

}  // namespace lineside::bundle
