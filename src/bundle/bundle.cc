#include "bundle/bundle.h"

#include <format>

#include "base/file.h"
#include "bundle/archive.h"
#include "bundle/digest.h"
#include "bundle/signature.h"

namespace lineside::bundle {
namespace {

constexpr std::string_view kManifestName = "manifest.json", kModelName = "model.onnx",
                           kDetectorsName = "detectors.json", kSignatureName = "model.sig";
constexpr std::string_view kConditionTask = "condition";

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<FileDigest> digests(std::span<const ArchiveEntry> entries) {
  std::vector<FileDigest> result;
  for (const ArchiveEntry& entry : entries)
    if (entry.name != kSignatureName) result.push_back({std::string(entry.name), sha256_hex(entry.bytes)});
  return result;
}

// With detectors.json or without: the names in the archive decide, and the manifest's task must agree later.
Result<std::vector<ArchiveEntry>> read_entries(std::span<const std::uint8_t> bytes, std::string_view name,
                                               const BundleLimits& limits) {
  const ExpectedEntry manifest{kManifestName, limits.manifest_bytes_max}, model{kModelName, limits.onnx_bytes_max},
      detectors{kDetectorsName, limits.detectors_bytes_max},
      signature{kSignatureName, limits.signature_bytes_max, false};
  auto entries = read_archive(bytes, std::array{manifest, model, signature}, name);
  if (entries) return entries;
  auto with_detectors = read_archive(bytes, std::array{manifest, model, detectors, signature}, name);
  return with_detectors ? with_detectors : entries;
}

}  // namespace

Result<Bundle> Bundle::parse(std::span<const std::uint8_t> bytes, std::string_view name, const Trust& trust,
                             const BundleLimits& limits) {
  LINESIDE_ASSIGN(const auto entries, read_entries(bytes, name, limits));
  Bundle bundle;
  bundle.has_signature_ = entries.back().name == kSignatureName;
  const auto files = digests(entries);
  // Before the manifest is looked at: what is not signed by somebody trusted is not parsed further.
  if (bundle.has_signature_) {
    LINESIDE_ASSIGN(auto check, check_signature(text_of(entries.back().bytes), files, trust, name));
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
  if (files.size() == 3) bundle.detectors_.assign(entries[2].bytes.begin(), entries[2].bytes.end());
  if (bundle.detectors_.empty() == (bundle.manifest_.task == kConditionTask))
    return fail(ErrorCode::bundle_invalid,
                std::format("{}: its task is {}, which {}", name, bundle.manifest_.task,
                            bundle.detectors_.empty() ? "needs detectors.json" : "has no detectors.json"));
  return bundle;
}

Result<Bundle> Bundle::open(const std::filesystem::path& path, const Trust& trust) {
  const BundleLimits limits;
  const std::size_t whole_max = limits.manifest_bytes_max + limits.onnx_bytes_max + limits.detectors_bytes_max +
                                limits.signature_bytes_max + std::size_t{16} * 512;
  LINESIDE_ASSIGN(const auto bytes, read_bytes(path, whole_max));
  return parse(bytes, path.string(), trust, limits);
}

Result<std::vector<std::uint8_t>> make_bundle(const Manifest& manifest, std::span<const std::uint8_t> onnx,
                                              const SigningKey* key, std::span<const std::uint8_t> detectors) {
  LINESIDE_TRY(validate(manifest));
  if (detectors.empty() == (manifest.task == kConditionTask))
    return fail(ErrorCode::bundle_invalid, "detectors.json belongs to the task condition, and only to it");
  if (onnx.empty()) return fail(ErrorCode::bundle_invalid, "the ONNX model is empty");
  const std::string json = to_json(manifest);
  std::vector<ArchiveEntry> entries{{kManifestName, bytes_of(json)}, {kModelName, onnx}};
  if (!detectors.empty()) entries.push_back({kDetectorsName, detectors});
  std::string signature;
  if (key != nullptr) {
    const auto files = digests(entries);
    LINESIDE_ASSIGN(signature, make_signature(manifest.name, files, *key));
    entries.push_back({kSignatureName, bytes_of(signature)});
  }
  return write_archive(entries);
}

Result<void> write_bundle(const std::filesystem::path& path, const Manifest& manifest,
                          std::span<const std::uint8_t> onnx, const SigningKey& key,
                          std::span<const std::uint8_t> detectors) {
  LINESIDE_ASSIGN(const auto bytes, make_bundle(manifest, onnx, &key, detectors));
  return write_atomically(path, bytes);
}

}  // namespace lineside::bundle
