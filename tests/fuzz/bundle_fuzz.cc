// Fuzz target of bundles: Bundle::parse and its parts on anything, with no key needed so that damage gets past the
// signature, and the same bytes as the manifest of an archive that is otherwise good. What opens must keep the promises
// of bundle/bundle.h.
#include "bundle/archive.h"
#include "bundle/bundle.h"
#include "bundle/signature.h"
#include "fuzz.h"

namespace lineside::fuzz {
namespace {

constexpr std::uint8_t kOnnx[] = {1, 2, 3, 4};

void parse_bundle(std::span<const std::uint8_t> bytes) {
  static const bundle::Trust kInspect{.inspect_only = true};
  if (const auto opened = bundle::Bundle::parse(bytes, "fuzz", kInspect)) {
    require(bundle::validate(opened->manifest()).has_value());
    require(opened->onnx().size() < bytes.size() && opened->signer().empty());
  } else {
    require(opened.error().code == ErrorCode::bundle_invalid || opened.error().code == ErrorCode::bundle_signature);
  }
}

void parse_manifest(std::string_view text) {
  if (const auto manifest = bundle::parse_manifest(text)) {
    const auto again = bundle::parse_manifest(bundle::to_json(*manifest));
    require(again && bundle::to_json(*again) == bundle::to_json(*manifest));
  }
  if (const auto manifest = bundle::parse_manifest_yaml(text, "fuzz")) require(bundle::validate(*manifest).has_value());
}

bundle::Manifest good_manifest() {
  bundle::Manifest manifest;
  manifest.name = "caps", manifest.version = "1";
  manifest.input = {"image", {1, 3, 128, 128}};
  manifest.output = {"score", {1, 1}};
  manifest.labels = {"good", "tilted"};
  manifest.reject_labels = {"tilted"};
  manifest.test = bundle::TestFigures{.auroc = 0.9};
  return manifest;
}

}  // namespace

std::vector<Bytes> seeds() {
  const auto key = bundle::SigningKey::generate();
  const std::string json = bundle::to_json(good_manifest());
  return {bundle::make_bundle(good_manifest(), kOnnx, &key.value()).value(), Bytes(json.begin(), json.end())};
}

}  // namespace lineside::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lineside;
  const std::span<const std::uint8_t> bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::parse_bundle(bytes);
  const bundle::ArchiveEntry entries[] = {{"manifest.json", bytes}, {"model.onnx", fuzz::kOnnx}};
  fuzz::parse_bundle(bundle::write_archive(entries));
  fuzz::parse_manifest(text);
  const bundle::FileDigest files[] = {{"model.onnx", std::string(64, '0')}};
  fuzz::require(!bundle::check_signature(text, files, {}, "fuzz"));  // nobody is trusted
  return 0;
}
