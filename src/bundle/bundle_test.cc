#include "bundle/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/test_folder.h"
#include "bundle/archive.h"
#include "bundle/digest.h"

namespace lineside::bundle {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;
using Json = nlohmann::ordered_json;

Manifest good_manifest() {
  Manifest manifest;
  manifest.name = "caps", manifest.version = "1.10";
  manifest.counter = 7;
  manifest.input = {"image", {1, 3, 128, 128}};
  manifest.output = {"score", {1, 1}};
  manifest.labels = {"good", "tilted", "missing"};
  manifest.reject_labels = {"tilted", "missing"};
  manifest.reject_threshold = 0.42;
  manifest.preprocess.mean = {0.4F, 0.45F, 0.1F};
  manifest.test = TestFigures{.auroc = 0.99, .split = "by group"};
  manifest.parity = Parity{.onnx_error_max = 1e-6, .compared = 10};
  manifest.training_data_sha256 = std::string(64, 'a');
  manifest.training_share = 0.25;
  manifest.created = "2026-11-22T15:04:05.000Z";
  manifest.tool = "test";
  return manifest;
}

const Bytes kOnnx{1, 2, 3, 4, 5, 6, 7};

class BundleTest : public testing::Test {
 protected:
  Bytes bundle(const Manifest& manifest = good_manifest()) { return *make_bundle(manifest, kOnnx, &key_); }
  Result<Bundle> open(const Bytes& bytes) { return Bundle::parse(bytes, "caps.lsb", trust_); }
  ErrorCode refusal(const Bytes& bytes) {
    const auto opened = open(bytes);
    EXPECT_FALSE(opened);
    if (opened) return ErrorCode::internal;
    EXPECT_THAT(opened.error().message, HasSubstr("caps.lsb"));
    return opened.error().code;
  }
  SigningKey key_ = *SigningKey::generate();
  Trust trust_{.keys = {key_.public_key()}};
};

TEST_F(BundleTest, GivesBackWhatWasPutIn) {
  const auto opened = open(bundle());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(std::ranges::equal(opened->onnx(), kOnnx));
  EXPECT_EQ(to_json(opened->manifest()), to_json(good_manifest()));
  EXPECT_EQ(opened->manifest().version, "1.10");
  EXPECT_EQ(opened->manifest().preprocess.mean, good_manifest().preprocess.mean);
  EXPECT_EQ(opened->signer(), key_.public_key().id());
  EXPECT_EQ(opened->onnx_sha256(), sha256_hex(kOnnx));
}

TEST_F(BundleTest, IsTheSameBytesTwice_WithBothKindsOfKeys) {
  for (const auto kind : {KeyKind::ed25519, KeyKind::ecdsa_p256}) {
    const auto key = SigningKey::generate(kind);
    const auto first = make_bundle(good_manifest(), kOnnx, &*key), second = make_bundle(good_manifest(), kOnnx, &*key);
    EXPECT_EQ(*first, *second);
    EXPECT_TRUE(Bundle::parse(*first, "x", {.keys = {key->public_key()}}));
  }
}

TEST_F(BundleTest, RefusesEveryChangedByte) {
  const Bytes whole = bundle();
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    Bytes changed = whole;
    changed[at] ^= 0x20;
    const auto opened = open(changed);
    // Only spelling that JSON does not care about may pass, and only in model.sig, which holds no other claim.
    if (opened) {
      EXPECT_EQ(to_json(opened->manifest()), to_json(good_manifest())) << at;
      EXPECT_TRUE(std::ranges::equal(opened->onnx(), kOnnx)) << at;
    } else {
      EXPECT_TRUE(opened.error().code == ErrorCode::bundle_invalid ||
                  opened.error().code == ErrorCode::bundle_signature)
          << at;
    }
  }
}

TEST_F(BundleTest, SaysSignature_WhenTheModelWasChanged) {
  Bytes changed = bundle();
  const auto at = std::ranges::search(changed, kOnnx).begin();
  *at ^= 1;
  EXPECT_EQ(refusal(changed), ErrorCode::bundle_signature);
  EXPECT_THAT(open(changed).error().message, HasSubstr("model.onnx"));
}

TEST_F(BundleTest, RefusesEveryCut) {
  const Bytes whole = bundle();
  for (std::size_t size = 0; size < whole.size(); size += 61)
    EXPECT_EQ(refusal(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
              ErrorCode::bundle_invalid)
        << size;
}

TEST_F(BundleTest, RefusesStrangersAndUnsigned_UnlessAllowed) {
  const auto stranger = SigningKey::generate();
  EXPECT_EQ(refusal(*make_bundle(good_manifest(), kOnnx, &*stranger)), ErrorCode::bundle_signature);
  const Bytes unsigned_bundle = *make_bundle(good_manifest(), kOnnx, nullptr);
  EXPECT_EQ(refusal(unsigned_bundle), ErrorCode::bundle_signature);
  trust_.allow_unsigned = true;
  EXPECT_TRUE(open(unsigned_bundle));
  EXPECT_EQ(refusal(*make_bundle(good_manifest(), kOnnx, &*stranger)), ErrorCode::bundle_signature);
}

TEST_F(BundleTest, InspectingNeedsNoKey_ButStillChecksHashes) {
  trust_ = {.inspect_only = true};
  Bytes bytes = bundle();
  ASSERT_TRUE(open(bytes));
  EXPECT_EQ(open(bytes)->signer(), "");
  EXPECT_EQ(open(bytes)->signer_hint(), key_.public_key().id());
  *std::ranges::search(bytes, kOnnx).begin() ^= 1;
  EXPECT_EQ(refusal(bytes), ErrorCode::bundle_signature);
}

// Archives that a careless reader would take something from.
TEST_F(BundleTest, RefusesForeignArchives) {
  trust_ = {.allow_unsigned = true};
  const std::string json = to_json(good_manifest());
  const ArchiveEntry manifest{"manifest.json", bytes_of(json)}, onnx{"model.onnx", kOnnx};
  const auto refuses = [&](std::vector<ArchiveEntry> entries) {
    return refusal(write_archive(entries)) == ErrorCode::bundle_invalid;
  };
  ASSERT_TRUE(open(write_archive(std::vector{manifest, onnx})));
  EXPECT_TRUE(refuses({manifest}));
  EXPECT_TRUE(refuses({onnx, manifest}));
  EXPECT_TRUE(refuses({manifest, onnx, {"extra.bin", kOnnx}}));
  EXPECT_TRUE(refuses({manifest, manifest, onnx}));
  EXPECT_TRUE(refuses({manifest, {"../model.onnx", kOnnx}}));
  EXPECT_TRUE(refuses({manifest, {"/model.onnx", kOnnx}}));
  Bytes link = write_archive(std::vector{manifest, onnx});
  link[156] = '2';
  EXPECT_EQ(refusal(link), ErrorCode::bundle_invalid);
  Bytes trailing = write_archive(std::vector{manifest, onnx});
  trailing.resize(trailing.size() + 512, 1);
  EXPECT_EQ(refusal(trailing), ErrorCode::bundle_invalid);
}

TEST_F(BundleTest, BoundsSizes_BeforeReading) {
  const auto opened = Bundle::parse(bundle(), "caps.lsb", trust_, {.onnx_bytes_max = 3});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("model.onnx has 7 bytes, at most 3"));
}

TEST_F(BundleTest, SignatureFollowsOpenSsfModelSigning) {
  const Bytes bytes = bundle();
  const ExpectedEntry expected[] = {{"manifest.json", 100000}, {"model.onnx", 1000}, {"model.sig", 100000}};
  const auto entries = read_archive(bytes, expected, "x");
  ASSERT_TRUE(entries);
  const Json signature = Json::parse((*entries)[2].bytes);
  EXPECT_EQ(signature["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
  EXPECT_EQ(signature["verificationMaterial"]["publicKey"]["hint"], sha256_hex(bytes_of(key_.public_key().pem())));
  EXPECT_EQ(signature["dsseEnvelope"]["payloadType"], "application/vnd.in-toto+json");
  const auto payload = from_base64(signature["dsseEnvelope"]["payload"].get<std::string>());
  ASSERT_TRUE(payload);
  const Json statement = Json::parse(*payload);
  EXPECT_EQ(statement["_type"], "https://in-toto.io/Statement/v1");
  EXPECT_EQ(statement["predicateType"], "https://model_signing/signature/v1.0");
  EXPECT_EQ(statement["predicate"]["serialization"]["method"], "files");
  const auto& resources = statement["predicate"]["resources"];
  ASSERT_EQ(resources.size(), 2U);
  EXPECT_EQ(resources[0]["name"], "manifest.json");
  EXPECT_EQ(resources[1]["digest"], sha256_hex(kOnnx));
  Bytes digests;
  for (const auto& entry : {(*entries)[0].bytes, (*entries)[1].bytes}) {
    const auto digest = sha256(entry);
    digests.insert(digests.end(), digest.begin(), digest.end());
  }
  EXPECT_EQ(statement["subject"][0]["digest"]["sha256"], sha256_hex(digests));
}

TEST(BundleFile, IsWrittenAndOpened) {
  const TestFolder folder;
  const auto key = SigningKey::load_or_create(folder / "key.pem");
  ASSERT_TRUE(key);
  ASSERT_TRUE(write_bundle(folder / "m.lsb", good_manifest(), kOnnx, *key));
  const auto trust = Trust::from_files({(folder / "key.pem.pub").string()}, false);
  ASSERT_TRUE(trust);
  EXPECT_TRUE(Bundle::open(folder / "m.lsb", *trust));
  EXPECT_EQ(Bundle::open(folder / "none.lsb", *trust).error().code, ErrorCode::file_not_found);
}

TEST(SigningKey, IsMadeOnceAndReadByItsOwnerOnly) {
  const TestFolder folder;
  const auto first = SigningKey::load_or_create(folder / "deep/key.pem");
  const auto again = SigningKey::load_or_create(folder / "deep/key.pem");
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->public_key().id(), again->public_key().id());
  EXPECT_EQ(fs::status(folder / "deep/key.pem").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  std::ofstream(folder / "bad.pem") << "not a key";
  EXPECT_EQ(SigningKey::load(folder / "bad.pem").error().code, ErrorCode::file_format);
  EXPECT_EQ(PublicKey::load(folder / "deep/key.pem").error().code, ErrorCode::file_format);
}

TEST(SigningKey, ItsPublicHalfIsWrittenAgain_WhenItIsGoneOrOfAnotherKey) {
  const TestFolder folder;
  const auto key = SigningKey::load_or_create(folder / "key.pem");
  ASSERT_TRUE(key);
  const auto half = [&] {
    const auto read = PublicKey::load(folder / "key.pem.pub");
    return read ? read->id() : read.error().message;
  };
  fs::remove(folder / "key.pem.pub");  // a power cut between the two files
  ASSERT_TRUE(SigningKey::load_or_create(folder / "key.pem"));
  EXPECT_EQ(half(), key->public_key().id());
  std::ofstream(folder / "key.pem.pub") << SigningKey::generate()->public_key().pem();
  ASSERT_TRUE(SigningKey::load_or_create(folder / "key.pem"));
  EXPECT_EQ(half(), key->public_key().id());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2) << "nothing else is left there";
}

TEST(Manifest, ListsAllProblemsAtOnce) {
  Manifest manifest = good_manifest();
  manifest.name = "../caps";
  manifest.input.shape = {1, 3, 64, 64};
  manifest.reject_labels = {"torn"};
  manifest.reject_threshold = 2;
  const auto result = validate(manifest);
  ASSERT_FALSE(result);
  for (const char* part : {"name must", "input.shape is [1,3,64,64]", "'torn'", "reject_threshold"})
    EXPECT_THAT(result.error().message, HasSubstr(part));
}

TEST(ManifestJson, IsStrict) {
  const Json whole = Json::parse(to_json(good_manifest()));
  const auto message = [&](auto change) {
    Json json = whole;
    change(json);
    const auto parsed = parse_manifest(json.dump());
    return parsed ? std::string() : parsed.error().message;
  };
  EXPECT_EQ(message([](Json&) {}), "");
  EXPECT_THAT(message([](Json& json) { json["colour"] = 1; }), HasSubstr("colour is not known"));
  EXPECT_THAT(message([](Json& json) { json.erase("counter"); }), HasSubstr("counter is missing"));
  EXPECT_THAT(message([](Json& json) { json["counter"] = -1; }), HasSubstr("counter must be a number"));
  EXPECT_THAT(message([](Json& json) { json["counter"] = "7"; }), HasSubstr("counter must be a number"));
  EXPECT_THAT(message([](Json& json) { json["preprocess"]["width"] = 1e12; }), HasSubstr("preprocess.width"));
  EXPECT_THAT(message([](Json& json) { json["output"]["kind"] = "tensor"; }), HasSubstr("output.kind must be one of"));
  EXPECT_THAT(message([](Json& json) { json["format"] = 2; }), HasSubstr("format is 2, only 1"));
  EXPECT_FALSE(parse_manifest("[1,2"));
  EXPECT_FALSE(parse_manifest(std::string(100000, '[')));
}

TEST(ManifestYaml, TakesWhatPeopleWrite_WithDefaults) {
  const auto manifest = parse_manifest_yaml(R"(
name: caps
version: 1.10
input: {name: image, shape: [1, 3, 64, 64]}
output: {name: score, shape: [1, 2], kind: logits}
preprocess: {width: 64, height: 64, mean: [0.485, 0.456, 0.406], scale: [4.37, 4.46, 4.44]}
labels: [yes, no]
reject_labels: [no]
reject_threshold: 0.5
)",
                                            "m.yaml");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->version, "1.10");
  EXPECT_EQ(manifest->labels[1], "no");
  EXPECT_EQ(manifest->output_kind, OutputKind::logits);
  EXPECT_FLOAT_EQ(manifest->preprocess.mean[0], 0.485F);
  const auto broken = parse_manifest_yaml("name: [", "m.yaml");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("m.yaml: line "));
  EXPECT_THAT(parse_manifest_yaml("name: caps", "m.yaml").error().message, HasSubstr("labels is missing"));
}

TEST(Base64, IsStrictBothWays) {
  for (const std::string_view text : {"", "f", "fo", "foo", "foob"}) {
    const auto back = from_base64(to_base64(bytes_of(text)));
    ASSERT_TRUE(back);
    EXPECT_TRUE(std::ranges::equal(*back, bytes_of(text)));
  }
  for (const char* bad : {"Zg=", "Zg==Zg==", " Zg==", "Zh==", "Z===", "===="}) EXPECT_FALSE(from_base64(bad)) << bad;
}

Manifest condition_manifest() {
  Manifest manifest;
  manifest.name = "motor", manifest.version = "1";
  manifest.task = "condition";
  manifest.input = {"deviations", {1, 8}};
  manifest.output = {"reconstruction", {1, 8}};
  return manifest;
}

TEST_F(BundleTest, OfACondition_HoldsDetectorsAndSignsThem) {
  const Bytes detectors{'{', '}'};
  auto bytes = make_bundle(condition_manifest(), kOnnx, &key_, detectors);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const auto opened = open(*bytes);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(std::ranges::equal(opened->detectors(), detectors));
  EXPECT_EQ(to_json(opened->manifest()), to_json(condition_manifest()));
  const auto at = std::ranges::search(*bytes, detectors).begin();
  *at = '[';
  EXPECT_EQ(refusal(*bytes), ErrorCode::bundle_signature);
}

TEST_F(BundleTest, DetectorsAreThereForACondition_AndOnlyThen) {
  const Bytes detectors{'{', '}'};
  EXPECT_FALSE(make_bundle(condition_manifest(), kOnnx, &key_));
  EXPECT_FALSE(make_bundle(good_manifest(), kOnnx, &key_, detectors));
}

}  // namespace
}  // namespace lineside::bundle
