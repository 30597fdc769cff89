#include "bundle/signature.h"

#include <format>
#include <nlohmann/json.hpp>

#include "bundle/digest.h"

namespace lineside::bundle {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kBundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr const char* kPayloadType = "application/vnd.in-toto+json";
constexpr const char* kStatementType = "https://in-toto.io/Statement/v1";
constexpr const char* kPredicateType = "https://model_signing/signature/v1.0";

// DSSE v1 pre-authentication encoding: what is really signed.
std::string pre_authentication(std::string_view payload) {
  return std::format("DSSEv1 {} {} {} {}", std::string_view(kPayloadType).size(), kPayloadType, payload.size(),
                     payload);
}

// SHA-256 over the digests of all files, one after the other.
std::string root_digest(std::span<const FileDigest> files) {
  std::vector<std::uint8_t> all;
  for (const auto& file : files)
    for (std::size_t i = 0; i + 1 < file.sha256_hex.size(); i += 2)
      all.push_back(static_cast<std::uint8_t>(std::stoi(file.sha256_hex.substr(i, 2), nullptr, 16)));
  return sha256_hex(all);
}

Json make_statement(std::string_view model_name, std::span<const FileDigest> files) {
  Json resources = Json::array();
  for (const auto& file : files)
    resources.push_back({{"name", file.name}, {"algorithm", "sha256"}, {"digest", file.sha256_hex}});
  const Json serialization = {
      {"method", "files"}, {"hash_type", "sha256"}, {"allow_symlinks", false}, {"ignore_paths", {"model.sig"}}};
  return {{"_type", kStatementType},
          {"subject", Json::array({{{"name", model_name}, {"digest", {{"sha256", root_digest(files)}}}}})},
          {"predicateType", kPredicateType},
          {"predicate", {{"serialization", serialization}, {"resources", resources}}}};
}

struct Envelope {
  std::string hint;
  std::vector<std::uint8_t> payload, signature;
};

// May throw Json::exception.
std::optional<Envelope> read_envelope(std::string_view text) {
  const Json bundle = Json::parse(text);
  const Json& dsse = bundle.at("dsseEnvelope");
  if (bundle.at("mediaType") != kBundleType || dsse.at("payloadType") != kPayloadType) return std::nullopt;
  const Json& signatures = dsse.at("signatures");
  if (!signatures.is_array() || signatures.size() != 1) return std::nullopt;
  auto payload = from_base64(dsse.at("payload").get_ref<const std::string&>());
  auto signature = from_base64(signatures[0].at("sig").get_ref<const std::string&>());
  if (!payload || !signature) return std::nullopt;
  const auto& key = bundle.at("verificationMaterial").at("publicKey");
  return Envelope{key.value("hint", std::string()), std::move(*payload), std::move(*signature)};
}

// May throw Json::exception.
std::optional<std::vector<FileDigest>> read_statement(std::span<const std::uint8_t> payload) {
  const Json statement = Json::parse(payload.begin(), payload.end());
  if (statement.at("_type") != kStatementType || statement.at("predicateType") != kPredicateType) return std::nullopt;
  std::vector<FileDigest> files;
  for (const auto& resource : statement.at("predicate").at("resources")) {
    if (resource.at("algorithm") != "sha256") return std::nullopt;
    files.push_back({resource.at("name").get<std::string>(), resource.at("digest").get<std::string>()});
  }
  return files;
}

Result<void> compare(const std::optional<std::vector<FileDigest>>& signed_files, std::span<const FileDigest> files,
                     std::string_view name) {
  if (!signed_files)
    return fail(ErrorCode::bundle_signature, std::format("{}: model.sig is not an OpenSSF model signature v1.0", name));
  for (const auto& file : files)
    if (std::ranges::find(*signed_files, file) == signed_files->end())
      return fail(ErrorCode::bundle_signature, std::format("{}: {} is not the file that was signed (its SHA-256 is {})",
                                                           name, file.name, file.sha256_hex));
  if (signed_files->size() != files.size())
    return fail(ErrorCode::bundle_signature, std::format("{}: the signature covers {} files, the bundle has {}", name,
                                                         signed_files->size(), files.size()));
  return {};
}

Result<std::string> find_signer(const Envelope& envelope, const Trust& trust, std::string_view name) {
  const std::string message =
      pre_authentication({reinterpret_cast<const char*>(envelope.payload.data()), envelope.payload.size()});
  for (const auto& key : trust.keys)
    if (key.verify(bytes_of(message), envelope.signature)) return key.id();
  for (const auto& key : trust.keys)
    if (key.id() == envelope.hint)
      return fail(ErrorCode::bundle_signature,
                  std::format("{}: the signature is wrong for key {} that it names: the bundle was changed", name,
                              envelope.hint));
  return fail(ErrorCode::bundle_signature,
              std::format("{}: signed by key {}, which is not among the {} trusted keys", name,
                          envelope.hint.empty() ? "(not named)" : envelope.hint, trust.keys.size()));
}

}  // namespace

Result<std::string> make_signature(std::string_view model_name, std::span<const FileDigest> files,
                                   const SigningKey& key) {
  const std::string payload = make_statement(model_name, files).dump();
  LINESIDE_ASSIGN(const auto signature, key.sign(bytes_of(pre_authentication(payload))));
  const Json bundle = {
      {"mediaType", kBundleType},
      {"verificationMaterial", {{"publicKey", {{"hint", key.public_key().id()}}}, {"tlogEntries", Json::array()}}},
      {"dsseEnvelope",
       {{"payload", to_base64(bytes_of(payload))},
        {"payloadType", kPayloadType},
        {"signatures", Json::array({{{"sig", to_base64(signature)}, {"keyid", ""}}})}}}};
  return bundle.dump() + "\n";
}

Result<SignatureCheck> check_signature(std::string_view signature, std::span<const FileDigest> files,
                                       const Trust& trust, std::string_view name) {
  try {
    const auto envelope = read_envelope(signature);
    if (!envelope)
      return fail(ErrorCode::bundle_signature, std::format("{}: model.sig is not a Sigstore bundle v0.3", name));
    SignatureCheck check{{}, envelope->hint};
    if (!trust.inspect_only) {
      LINESIDE_ASSIGN(check.signer, find_signer(*envelope, trust, name));
    }
    LINESIDE_TRY(compare(read_statement(envelope->payload), files, name));
    return check;
  } catch (const Json::exception&) {
    return fail(ErrorCode::bundle_signature, std::format("{}: model.sig can't be read as a signature", name));
  }
}

}  // namespace lineside::bundle
