// Feeds bundle_fuzz with good bundles, manifests and signatures that are damaged at random; for compilers without
// libFuzzer and for the ordinary test run. Usage: bundle_fuzz [ROUNDS [SEED]]
#include <cstdio>
#include <cstdlib>
#include <random>

#include "bundle/archive.h"
#include "bundle/bundle.h"
#include "bundle/digest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace lineside;
using Bytes = std::vector<std::uint8_t>;

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

void damage(Bytes& bytes, std::mt19937& random) {
  for (unsigned changes = random() % 4; changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 2:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random()));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
}

void feed(const Bytes& bytes) { LLVMFuzzerTestOneInput(bytes.data(), bytes.size()); }

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 3000;
  std::mt19937 random(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1);
  const Bytes onnx{1, 2, 3, 4};
  const auto key = bundle::SigningKey::generate();
  const auto whole = bundle::make_bundle(good_manifest(), onnx, &*key);
  if (!whole) return 1;
  const std::string json = bundle::to_json(good_manifest());
  for (int round = 0; round < rounds; ++round) {
    Bytes bytes = *whole;
    damage(bytes, random);
    feed(bytes);
    Bytes manifest(json.begin(), json.end());
    damage(manifest, random);
    feed(manifest);
    // A good archive around a damaged manifest: reaches what stands behind the archive's own checks.
    const bundle::ArchiveEntry entries[] = {{"manifest.json", manifest}, {"model.onnx", onnx}};
    feed(bundle::write_archive(entries));
  }
  std::printf("%d rounds\n", rounds);
}
