// For the tests of a whole gateway: small signed bundles, good ones and each kind of bad one.
//
//   station_bundles DIR
//
// Writes key.pem.pub (the trusted signer), and NAME.lsb; who uses it says what it expects of each.
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "bundle/bundle.h"
#include "inference/test_models.h"

namespace {

using namespace lineside;
using inference::TestModel;

constexpr std::int64_t kSize = 32;

struct Network {
  std::vector<std::uint8_t> onnx;
  std::string output;
};

// Convolution, pooling, one logit, sigmoid: an untrained network is as good as any for these tests.
Network network(std::vector<std::int64_t> input, unsigned seed, int type = onnx::TensorProto::FLOAT,
                bool not_a_number = false) {
  TestModel model(std::move(input), seed, type);
  if (type != onnx::TensorProto::FLOAT) {
    model.op("Cast");
    auto* to = model.graph().mutable_node(0)->add_attribute();
    to->set_name("to"), to->set_type(onnx::AttributeProto::INT), to->set_i(onnx::TensorProto::FLOAT);
  }
  model.conv(3, 8, 3, 2).op("Relu").op("GlobalAveragePool").op("Flatten").gemm(8, 1).op("Sigmoid");
  if (not_a_number) {
    const std::string score = model.last();
    model.op("Sub", score);
    const std::string zero = model.last();
    model.op("Div", zero);
  }
  return {model.finish({1, 1}), model.last()};
}

bundle::Manifest manifest(std::uint64_t counter, const Network& network, std::int64_t size = kSize) {
  bundle::Manifest manifest;
  manifest.name = "caps", manifest.version = std::to_string(counter);
  manifest.counter = counter;
  manifest.preprocess.width = manifest.preprocess.height = static_cast<int>(size);
  manifest.input = {"image", {1, 3, size, size}};
  manifest.output = {network.output, {1, 1}};
  manifest.labels = {"good", "bad"};
  manifest.reject_labels = {"bad"};
  return manifest;
}

Result<void> write_all(const std::filesystem::path& dir) {
  LINESIDE_ASSIGN(const auto key, bundle::SigningKey::load_or_create(dir / "key.pem"));
  LINESIDE_ASSIGN(const auto stranger, bundle::SigningKey::generate());
  const auto write = [&](const char* name, const bundle::Manifest& with, const Network& network,
                         const bundle::SigningKey& signer) -> Result<void> {
    return bundle::write_bundle(dir / (std::string(name) + ".lsb"), with, network.onnx, signer);
  };
  const Network first = network({1, 3, kSize, kSize}, 1), second = network({1, 3, kSize, kSize}, 2);
  LINESIDE_TRY(write("one", manifest(1, first), first, key));
  LINESIDE_TRY(write("two", manifest(2, second), second, key));
  LINESIDE_TRY(write("six", manifest(6, second), second, key));
  LINESIDE_TRY(write("stranger", manifest(3, second), second, stranger));
  const Network broken = network({1, 3, kSize, kSize}, 3, onnx::TensorProto::FLOAT, true);
  LINESIDE_TRY(write("not_a_number", manifest(4, broken), broken, key));
  LINESIDE_TRY(write("wrong_shape", manifest(3, second, 2 * kSize), second, key));
  const Network dynamic = network({-1, 3, -2, -3}, 4);
  LINESIDE_TRY(write("dynamic", manifest(3, dynamic), dynamic, key));
  const Network typed = network({1, 3, kSize, kSize}, 5, onnx::TensorProto::INT64);
  LINESIDE_TRY(write("wrong_type", manifest(3, typed), typed, key));
  LINESIDE_ASSIGN(auto changed, bundle::make_bundle(manifest(3, second), second.onnx, &key));
  changed[changed.size() / 2] ^= 1;  // in the middle of the weights
  return write_atomically(dir / "wrong_hash.lsb", changed);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (auto done = write_all(argv[1]); !done) {
    std::fprintf(stderr, "%s\n", to_string(done.error()).c_str());
    return 3;
  }
  return 0;
}
