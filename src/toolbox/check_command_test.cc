#include <gtest/gtest.h>

#include <format>
#include <fstream>

#include "base/file.h"
#include "base/test_folder.h"
#include "bundle/bundle.h"
#include "toolbox/commands.h"

namespace lineside::toolbox {
namespace {

bundle::Manifest manifest() {
  bundle::Manifest manifest;
  manifest.name = "caps", manifest.version = "1";
  manifest.preprocess.width = manifest.preprocess.height = 16;
  manifest.input = {"image", {1, 3, 16, 16}};
  manifest.output = {"score", {1, 1}};
  manifest.output_kind = bundle::OutputKind::logit;
  manifest.labels = {"good", "torn"};
  manifest.reject_labels = {"torn"};
  return manifest;
}

TEST(CheckCommand, OpensTheBundlesAsTheGatewayWould) {
  const TestFolder folder;
  const auto key = bundle::SigningKey::load_or_create(folder / "key.pem").value();
  const std::vector<std::uint8_t> onnx(64, 1);
  ASSERT_TRUE(bundle::write_bundle(folder / "caps.lsb", manifest(), onnx, key));
  ASSERT_TRUE(bundle::SigningKey::load_or_create(folder / "other.pem"));
  fs::create_directories(folder / "pictures");
  const auto check = [&](const char* trusted, const char* option = nullptr) {
    std::ofstream(folder / "gateway.yaml") << std::format(
        "gateway: g\ndata_dir: data\ncameras: [{{name: c, kind: folder, path: pictures}}]\n"
        "stations: [{{name: s, cameras: [c], bundle: caps.lsb}}]\ninference: {{trusted_keys: [{}]}}\n",
        trusted);
    const std::string file = folder / "gateway.yaml";
    std::vector<const char*> words = {"lineside", "check", file.c_str()};
    if (option != nullptr) words.push_back(option);
    return cli::run(toolbox_program(), static_cast<int>(words.size()), words.data());
  };
  EXPECT_EQ(check("key.pem.pub"), 0);
  EXPECT_EQ(check("other.pem.pub"), exit_code(ErrorCode::bundle_signature));
  EXPECT_EQ(check("other.pem.pub", "--elsewhere"), 0);
  std::ofstream(folder / "caps.lsb") << "no bundle";
  EXPECT_EQ(check("key.pem.pub"), exit_code(ErrorCode::bundle_invalid));
}

TEST(CheckCommand, ReadsWhatIsSaidOfMachines) {
  const TestFolder folder;
  const auto check = [&](const char* machine) {
    std::ofstream(folder / "motor.yaml") << machine;
    std::ofstream(folder / "gateway.yaml")
        << "gateway: g\ndata_dir: data\nwaveform_sources: [{name: daq}]\nassets: [{name: m, source: daq, topic: t, "
           "rate_hz: 10000, mode: learning, machine: motor.yaml, channels: [{name: x}]}]\n";
    const std::string file = folder / "gateway.yaml";
    const std::vector<const char*> words = {"lineside", "check", file.c_str()};
    return cli::run(toolbox_program(), static_cast<int>(words.size()), words.data());
  };
  EXPECT_EQ(check("speed_rpm: 1480\n"), 0);
  EXPECT_EQ(check("speed_rpm: fast\n"), exit_code(ErrorCode::config_invalid));
}

}  // namespace
}  // namespace lineside::toolbox
