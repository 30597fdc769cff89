#include <cstdio>
#include <format>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "toolbox/bundle_make.h"
#include "toolbox/commands.h"
#include "toolbox/report.h"
#include "toolbox/trust.h"

namespace lineside::toolbox {
namespace {

struct BundleOptions {
  fs::path file, onnx, manifest, out, key = bundle::SigningKey::default_path();
  std::vector<std::string> trusted_keys;
  std::string library;
  bool json = false;
};

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

std::string as_json(const bundle::Bundle& bundle) {
  const nlohmann::ordered_json json = {
      {"manifest", nlohmann::ordered_json::parse(bundle::to_json(bundle.manifest()))},
      {"onnx", {{"bytes", bundle.onnx().size()}, {"sha256", bundle.onnx_sha256()}}},
      {"signature",
       {{"present", bundle.has_signature()}, {"signer", bundle.signer()}, {"hint", bundle.signer_hint()}}}};
  return json.dump(2) + "\n";
}

Result<int> show(const BundleOptions& options) {
  LINESIDE_ASSIGN(const auto trust, trust_for_tools(options.trusted_keys));
  LINESIDE_ASSIGN(const auto bundle, bundle::Bundle::open(options.file, trust));
  print(options.json ? as_json(bundle) : describe(bundle));
  return 0;
}

Result<int> verify(const BundleOptions& options) {
  auto keys = options.trusted_keys;
  std::error_code ignored;
  const std::string own = bundle::SigningKey::default_path().string() + ".pub";
  if (keys.empty() && fs::exists(own, ignored)) keys.push_back(own);
  if (keys.empty())
    return fail(ErrorCode::usage, "whose signature? Name the signer's public key with --trusted-key FILE");
  LINESIDE_ASSIGN(const auto trust, bundle::Trust::from_files(keys, false));
  LINESIDE_ASSIGN(const auto bundle, bundle::Bundle::open(options.file, trust));
  print(options.json ? as_json(bundle)
                     : std::format("{}: {} is whole and signed by trusted key {}\n", options.file.string(),
                                   bundle::model_version(bundle.manifest()), bundle.signer()));
  return 0;
}

Result<int> make(const BundleOptions& options) {
  LINESIDE_ASSIGN(const auto yaml, read_text(options.manifest));
  LINESIDE_ASSIGN(const auto manifest, bundle::parse_manifest_yaml(yaml, options.manifest.string()));
  LINESIDE_ASSIGN(const auto onnx, read_bytes(options.onnx));
  LINESIDE_ASSIGN(const auto key, bundle::SigningKey::load_or_create(options.key));
  LINESIDE_ASSIGN(const auto made, make_checked_bundle(manifest, onnx, key, options.library, options.out));
  print(describe(made));
  print(std::format("written       {}\npublic key    {}.pub (gateways need it in inference.trusted_keys)\n",
                    options.out.string(), options.key.string()));
  return 0;
}

cli::Command show_command(const std::shared_ptr<BundleOptions>& options) {
  cli::Command command{.name = "show", .summary = "prints what is in a model bundle"};
  command.details = "Checks the hashes too; who signed is only checked against the keys that are given.";
  command.options = {cli::argument("FILE", "the model bundle (.lsb)", options->file),
                     cli::option("--trusted-key", "FILE", "public key that must have signed it", options->trusted_keys),
                     cli::flag("--json", "as JSON", options->json)};
  command.examples = {{"lineside bundle show caps.lsb", "labels, thresholds, figures, preprocessing, signature"}};
  command.run = [options] { return show(*options); };
  return command;
}

cli::Command verify_command(const std::shared_ptr<BundleOptions>& options) {
  cli::Command command{.name = "verify", .summary = "checks a bundle's hashes and signature"};
  command.details = "Without --trusted-key the signer must be this user's own signing key.";
  command.options = {
      cli::argument("FILE", "the model bundle (.lsb)", options->file),
      cli::option("--trusted-key", "FILE", "public key of a signer that is trusted", options->trusted_keys),
      cli::flag("--json", "as JSON", options->json)};
  command.examples = {{"lineside bundle verify caps.lsb --trusted-key plant.pub", "exit code 0 only if all is right"}};
  command.run = [options] { return verify(*options); };
  return command;
}

cli::Command make_command(const std::shared_ptr<BundleOptions>& options) {
  cli::Command command{.name = "make", .summary = "makes a bundle from an ONNX classifier trained elsewhere"};
  command.details =
      "The manifest says how pictures become the model's input and what its output means (docs/bundle-format.md). "
      "Shapes and types are compared with the model, the model runs once, and what does not fit is named. The signing "
      "key is made on first use.";
  command.options = {
      cli::required("--onnx", "FILE", "the model", options->onnx),
      cli::required("--manifest", "FILE", "its manifest (YAML)", options->manifest),
      cli::required("--out", "FILE", "the bundle to write (.lsb)", options->out),
      cli::option("--key", "FILE", "signing key (PEM)", options->key),
      cli::option("--library", "FILE", "libonnxruntime.so to use instead of the system's", options->library)};
  command.examples = {{"lineside bundle make --onnx caps.onnx --manifest caps.yaml --out caps.lsb",
                       "packs and signs a model from PyTorch or Anomalib"}};
  command.run = [options] { return make(*options); };
  return command;
}

}  // namespace

cli::Command bundle_commands() {
  const auto options = std::make_shared<BundleOptions>();
  cli::Command command{.name = "bundle", .summary = "shows, verifies and makes model bundles"};
  command.commands = {show_command(options), verify_command(options), make_command(options)};
  return command;
}

}  // namespace lineside::toolbox
