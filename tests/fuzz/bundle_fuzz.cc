// Fuzz target of bundles: Bundle::parse and its parts on anything, with no key needed so that damage gets past the
// signature. What opens must keep the promises of bundle/bundle.h. Built with libFuzzer by clang; otherwise
// bundle_seeds.cc feeds it damaged bundles.
#include <cstdint>
#include <cstdlib>

#include "bundle/bundle.h"
#include "bundle/signature.h"

namespace {

using namespace lineside;

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const bundle::Trust kInspect{.inspect_only = true};
  if (const auto opened = bundle::Bundle::parse(bytes, "fuzz", kInspect)) {
    require(bundle::validate(opened->manifest()).has_value());
    require(opened->onnx().size() < size && opened->signer().empty());
  } else {
    require(opened.error().code == ErrorCode::bundle_invalid || opened.error().code == ErrorCode::bundle_signature);
  }
  if (const auto manifest = bundle::parse_manifest(text)) {
    const auto again = bundle::parse_manifest(bundle::to_json(*manifest));
    require(again && bundle::to_json(*again) == bundle::to_json(*manifest));
  }
  if (const auto manifest = bundle::parse_manifest_yaml(text, "fuzz")) require(bundle::validate(*manifest).has_value());
  const bundle::FileDigest files[] = {{"model.onnx", std::string(64, '0')}};
  require(!bundle::check_signature(text, files, {}, "fuzz"));  // nobody is trusted
  return 0;
}
