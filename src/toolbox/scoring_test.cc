#include "toolbox/scoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/test_folder.h"
#include "inference/test_models.h"
#include "toolbox/bundle_make.h"
#include "toolbox/commands.h"
#include "vision/image_io.h"

namespace lineside::toolbox {
namespace {

using testing::HasSubstr;

void write_picture(const fs::path& path, std::uint8_t brightness) {
  const Image image{24, 24, PixelFormat::rgb8, std::vector<std::uint8_t>(24 * 24 * 3, brightness)};
  fs::create_directories(path.parent_path());
  ASSERT_TRUE(write_atomically(path, *vision::encode_jpeg(image.view())));
}

// A model whose score is the picture's brightness: sigmoid of the mean of the three channels, times 8.
std::vector<std::uint8_t> brightness_model(std::string& output) {
  inference::TestModel model({1, 3, 16, 16});
  model.op("GlobalAveragePool").op("Flatten").gemm(3, 1);
  auto& weights = *model.graph().mutable_initializer(0);
  auto& bias = *model.graph().mutable_initializer(1);
  for (int i = 0; i < 3; ++i) weights.set_float_data(i, 4);
  bias.set_float_data(0, 0);
  output = model.last();
  return model.finish({1, 1});
}

class ToolboxTest : public testing::Test {
 protected:
  void SetUp() override {
    manifest_.name = "bright", manifest_.version = "1";
    manifest_.preprocess.width = manifest_.preprocess.height = 16;
    manifest_.input = {"image", {1, 3, 16, 16}};
    manifest_.output_kind = bundle::OutputKind::logit;
    manifest_.labels = {"good", "bright"};
    manifest_.reject_labels = {"bright"};
    onnx_ = brightness_model(manifest_.output.name);
    manifest_.output.shape = {1, 1};
  }
  int lineside(std::vector<std::string> words) {
    words.insert(words.begin(), "lineside");
    std::vector<const char*> argv;
    for (const auto& word : words) argv.push_back(word.c_str());
    return cli::run(toolbox_program(), static_cast<int>(argv.size()), argv.data());
  }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  void write_bundle() {
    const auto key = bundle::SigningKey::load_or_create(folder_ / "key.pem");
    const auto made = make_checked_bundle(manifest_, onnx_, *key, "", folder_ / "b.lsb");
    ASSERT_TRUE(made) << made.error().message;
  }
  TestFolder folder_;
  bundle::Manifest manifest_;
  std::vector<std::uint8_t> onnx_;
};

TEST_F(ToolboxTest, ScoresNestedAndFlatFolders_AndNamesTheUnreadable) {
  write_bundle();
  write_picture(folder_ / "pictures/good/day1/a.jpg", 10);
  write_picture(folder_ / "pictures/bright/b, 2.jpg", 240);
  write_picture(folder_ / "pictures/flat.jpg", 240);
  ASSERT_EQ(lineside({"score", "--bundle", path("b.lsb"), "--images", path("pictures"), "--out", path("r.csv")}), 0);
  const auto csv = read_text(folder_ / "r.csv");
  ASSERT_TRUE(csv);
  EXPECT_THAT(*csv, testing::StartsWith("file,class,score,verdict\n\"bright/b, 2.jpg\",bright,0."));
  EXPECT_THAT(*csv, HasSubstr("\nflat.jpg,,0."));
  EXPECT_THAT(*csv, HasSubstr("\ngood/day1/a.jpg,good,0.0"));
  EXPECT_EQ(std::ranges::count(*csv, '\n'), 4);
  std::ofstream(folder_ / "pictures/good/broken.jpg") << "no";
  EXPECT_EQ(lineside({"score", "--bundle", path("b.lsb"), "--images", path("pictures"), "--out", path("r.csv")}), 65);
  EXPECT_EQ(*read_text(folder_ / "r.csv"), *csv);
  EXPECT_EQ(lineside({"score", "--bundle", path("b.lsb"), "--images", path("none"), "--out", path("x.csv")}), 66);
}

TEST_F(ToolboxTest, SumsUpFigures_TakingFolderNamesAsTrainingDoes) {
  manifest_.labels.emplace_back("Normal wear");
  manifest_.labels.emplace_back("ok");  // a label's own meaning goes first
  manifest_.reject_labels.emplace_back("ok");
  Scores scores;
  scores.files = {{"Normal/1", "Normal", 0.1F, false}, {"good/2", "good", 0.7F, true},
                  {"bright/1", "bright", 0.9F, true},  {"torn/1", "torn", 0.8F, true},
                  {"ok/1", "ok", 0.75F, true},         {"Normal wear/1", "Normal wear", 0.2F, false},
                  {"masks/1", "masks", 0.9F, true},    {"loose.jpg", "", 0.9F, true}};
  const auto figures = figures_of(scores, manifest_, 0.5);
  ASSERT_TRUE(figures);
  EXPECT_EQ(figures->auroc, 1);
  EXPECT_EQ(figures->false_reject.count, 1U);
  EXPECT_EQ(figures->false_reject.of, 3U);
  EXPECT_EQ(figures->escape.of, 3U);
  scores.files.resize(2);
  EXPECT_FALSE(figures_of(scores, manifest_, 0.5));
}

TEST_F(ToolboxTest, MakesShowsAndVerifiesABundle_FromYaml) {
  ASSERT_TRUE(write_atomically(folder_ / "m.onnx", onnx_));
  const auto yaml = [&](int size) {
    std::ofstream(folder_ / "m.yaml") << "name: bright\nversion: 1\ninput: {name: image, shape: [1, 3, " << size << ", "
                                      << size << "]}\noutput: {name: " << manifest_.output.name
                                      << ", shape: [1, 1], kind: logit}\npreprocess: {width: " << size
                                      << ", height: " << size
                                      << "}\nlabels: [good, bright]\nreject_labels: [bright]\nreject_threshold: 0.5\n";
    return lineside({"bundle", "make", "--onnx", path("m.onnx"), "--manifest", path("m.yaml"), "--out", path("m.lsb"),
                     "--key", path("key.pem")});
  };
  EXPECT_EQ(yaml(32), 65);  // the model takes 16
  EXPECT_FALSE(fs::exists(folder_ / "m.lsb"));
  ASSERT_EQ(yaml(16), 0);
  EXPECT_EQ(lineside({"bundle", "show", path("m.lsb")}), 0);
  EXPECT_EQ(lineside({"bundle", "show", "--json", path("m.lsb")}), 0);
  EXPECT_EQ(lineside({"bundle", "verify", path("m.lsb"), "--trusted-key", path("key.pem.pub")}), 0);
  const auto stranger = bundle::SigningKey::load_or_create(folder_ / "stranger.pem");
  ASSERT_TRUE(stranger);
  EXPECT_EQ(lineside({"bundle", "verify", path("m.lsb"), "--trusted-key", path("stranger.pem.pub")}), 65);
}

TEST_F(ToolboxTest, QuantizesABundle_AndRefusesTooFewPictures) {
  onnx_ = inference::make_dense_net(32, 8);
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromArray(onnx_.data(), static_cast<int>(onnx_.size())));
  manifest_.output.name = model.graph().output(0).name();
  manifest_.output_kind = bundle::OutputKind::probability;
  manifest_.preprocess.width = manifest_.preprocess.height = 32;
  manifest_.input.shape = {1, 3, 32, 32};
  manifest_.reject_threshold = 0;  // every verdict is the same, so that none can flip
  write_bundle();
  const auto quantize = [&] {
    return lineside({"quantize", "--bundle", path("b.lsb"), "--images", path("p"), "--out", path("q.lsb"), "--key",
                     path("key.pem")});
  };
  write_picture(folder_ / "p/0.jpg", 0);
  EXPECT_EQ(quantize(), 65);
  for (int i = 1; i < 10; ++i)
    write_picture(folder_ / ("p/" + std::to_string(i) + ".jpg"), static_cast<std::uint8_t>(i * 25));
  ASSERT_EQ(quantize(), 0);
  const auto made = bundle::Bundle::open(folder_ / "q.lsb", {.inspect_only = true});
  ASSERT_TRUE(made);
  EXPECT_NE(made->manifest().quantization, bundle::Quantization::fp32);
  EXPECT_EQ(made->manifest().counter, 2U);
  EXPECT_EQ(made->manifest().parity->compared, 10U);
}

}  // namespace
}  // namespace lineside::toolbox
