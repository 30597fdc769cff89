#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/test_folder.h"
#include "inference/classifier.h"
#include "inference/session.h"
#include "inference/test_models.h"
#include "vision/allocation_count.h"

namespace lineside::inference {
namespace {

using testing::HasSubstr;

bundle::Manifest manifest_for(int size) {
  bundle::Manifest manifest;
  manifest.name = "caps", manifest.version = "1";
  manifest.preprocess.width = manifest.preprocess.height = size;
  manifest.input = {"image", {1, 3, size, size}};
  manifest.output = {"Sigmoid99_out", {1, 1}};
  manifest.labels = {"good", "tilted"};
  manifest.reject_labels = {"tilted"};
  return manifest;
}

Image gray_ramp(int width, int height) {
  Image image{width, height, PixelFormat::rgb8,
              std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i * 7);
  return image;
}

// A bundle on disk whose one signer is trusted by `settings`.
class ClassifierTest : public testing::Test {
 protected:
  Result<std::unique_ptr<gateway::Classifier>> make(const bundle::Manifest& manifest,
                                                    const std::vector<std::uint8_t>& onnx,
                                                    const std::vector<std::string>& reject_classes = {}) {
    const auto key = bundle::SigningKey::load_or_create(folder_ / "key.pem");
    settings_.trusted_keys = {(folder_ / "key.pem.pub").string()};
    EXPECT_TRUE(bundle::write_bundle(folder_ / "m.lsb", manifest, onnx, *key));
    return make_classifier(folder_ / "m.lsb", settings_, metrics_, reject_classes);
  }
  TestFolder folder_;
  config::InferenceSettings settings_;
  MetricsRegistry metrics_;
};

// A model that hands through the mean of each channel: what comes out is known.
std::vector<std::uint8_t> channel_means(std::string& output_name, int size = 8, std::int64_t batch = 1) {
  TestModel model({batch, 3, size, size});
  model.op("GlobalAveragePool").op("Flatten");
  output_name = model.last();
  return model.finish({batch, 3});
}

TEST_F(ClassifierTest, ScoresAlike_WhenTheInputIsMadeOnAnotherThread) {
  auto manifest = manifest_for(32);
  TestModel model({1, 3, 32, 32});
  model.conv(3, 8, 3, 2).op("Relu").op("GlobalAveragePool").op("Flatten").gemm(8, 1).op("Sigmoid");
  manifest.output.name = model.last();
  const auto classifier = make(manifest, model.finish({1, 1})).value();
  ASSERT_TRUE(classifier->warm_up());
  const Image picture = gray_ramp(64, 48), other = gray_ramp(20, 20);
  ASSERT_TRUE(classifier->preprocess(picture.view()));
  const float wanted = classifier->infer()->reject_score;
  ASSERT_TRUE(classifier->preprocess(other.view()));
  ASSERT_NE(classifier->infer()->reject_score, wanted);
  std::thread([&] { EXPECT_TRUE(classifier->make_input(picture.view(), 2)); }).join();
  EXPECT_NE(classifier->infer()->reject_score, wanted);
  classifier->use_input(2);
  EXPECT_EQ(classifier->infer()->reject_score, wanted);
}

TEST_F(ClassifierTest, ScoresAPicture_FromBundleToVerdict) {
  auto manifest = manifest_for(32);
  TestModel model({1, 3, 32, 32});
  model.conv(3, 8, 3, 2).op("Relu").op("GlobalAveragePool").op("Flatten").gemm(8, 1).op("Sigmoid");
  manifest.output.name = model.last();
  auto classifier = make(manifest, model.finish({1, 1}));
  ASSERT_TRUE(classifier) << classifier.error().message;
  ASSERT_TRUE((*classifier)->warm_up());
  ASSERT_TRUE((*classifier)->preprocess(gray_ramp(64, 48).view()));
  const auto score = (*classifier)->infer();
  ASSERT_TRUE(score);
  EXPECT_GT(score->reject_score, 0);
  EXPECT_LT(score->reject_score, 1);
  EXPECT_EQ(score->label, score->reject_score >= 0.5F ? 1 : 0);
  EXPECT_EQ((*classifier)->version(), "caps@1");
}

TEST_F(ClassifierTest, SumsSoftmaxOverTheRejectLabels) {
  auto manifest = manifest_for(8);
  manifest.labels = {"good", "tilted", "missing"};
  manifest.reject_labels = {"tilted", "missing"};
  manifest.output_kind = bundle::OutputKind::logits;
  manifest.preprocess.mean = {0, 0, 0}, manifest.preprocess.scale = {1, 1, 1};
  manifest.output.shape = {1, 3};
  const auto onnx = channel_means(manifest.output.name);
  Image image{8, 8, PixelFormat::rgb8, {}};
  for (int i = 0; i < 64; ++i) image.pixels.insert(image.pixels.end(), {255, 0, 51});
  const auto score = [&](const std::vector<std::string>& rejects) {
    auto classifier = make(manifest, onnx, rejects);
    EXPECT_TRUE((*classifier)->preprocess(image.view()));
    return (*classifier)->infer()->reject_score;
  };
  const double good = std::exp(1.0), tilted = 1, missing = std::exp(0.2), sum = good + tilted + missing;
  EXPECT_NEAR(score({}), (tilted + missing) / sum, 1e-5);
  EXPECT_NEAR(score({"missing"}), missing / sum, 1e-5);
  EXPECT_EQ(make(manifest, onnx, {"torn"}).error().code, ErrorCode::bundle_invalid);
}

// The runtime's own allocations are counted too, so the measure is a bare run of the same model.
TEST_F(ClassifierTest, AddsNoAllocation_ToThoseOfTheRuntime) {
  auto manifest = manifest_for(8);
  manifest.output_kind = bundle::OutputKind::logits;
  manifest.labels = {"good", "tilted", "missing"};
  manifest.output.shape = {1, 3};
  const auto onnx = channel_means(manifest.output.name);
  const auto classifier = make(manifest, onnx);
  const auto session = Session::create(onnx, {});
  ASSERT_TRUE(classifier && session);
  const Image image = gray_ramp(64, 48);
  ASSERT_TRUE((*classifier)->warm_up() && (*classifier)->preprocess(image.view()) && (*session)->warm_up());
  const auto count = [](auto step) {
    const long before = allocations_of_this_thread();
    bool good = true;
    for (int i = 0; i < 20; ++i) good = good && step();
    EXPECT_TRUE(good);
    return allocations_of_this_thread() - before;
  };
  const long bare = count([&] { return (*session)->run().has_value(); });
  EXPECT_EQ(count([&] { return (*classifier)->preprocess(image.view()) && (*classifier)->infer(); }), bare);
}

TEST_F(ClassifierTest, SaysWhatDoesNotFit_WhenManifestAndModelDiffer) {
  auto manifest = manifest_for(8);
  std::string name;
  const auto onnx = channel_means(name);
  manifest.output = {name, {1, 1}};
  auto wrong_output = make(manifest, onnx);
  ASSERT_FALSE(wrong_output);
  EXPECT_EQ(wrong_output.error().code, ErrorCode::bundle_invalid);
  EXPECT_THAT(wrong_output.error().message, HasSubstr("[1,3], the manifest says"));
  manifest = manifest_for(16);
  const auto wrong_input = make(manifest, onnx);
  ASSERT_FALSE(wrong_input);
  EXPECT_THAT(wrong_input.error().message, HasSubstr("'image' float32 [1,3,8,8]"));
  EXPECT_THAT(wrong_input.error().message, HasSubstr("[1,3,16,16]"));
}

TEST_F(ClassifierTest, RefusesBundlesOfStrangers) {
  auto manifest = manifest_for(8);
  std::string name;
  const auto onnx = channel_means(name);
  const auto stranger = bundle::SigningKey::generate();
  ASSERT_TRUE(bundle::write_bundle(folder_ / "m.lsb", manifest, onnx, *stranger));
  ASSERT_TRUE(bundle::SigningKey::load_or_create(folder_ / "key.pem"));
  settings_.trusted_keys = {(folder_ / "key.pem.pub").string()};
  const auto refused = make_classifier(folder_ / "m.lsb", settings_, metrics_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::bundle_signature);
}

TEST_F(ClassifierTest, FallsBackToCpuAndCounts_OnlyWhereAllowed) {
  auto manifest = manifest_for(8);
  manifest.output_kind = bundle::OutputKind::logits;
  manifest.labels = {"good", "tilted", "missing"};
  manifest.output.shape = {1, 3};
  const auto onnx = channel_means(manifest.output.name);
  settings_.providers = {"tensorrt", "cpu"};
  const auto refused = make(manifest, onnx);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::runtime_unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("tensorrt"));
  EXPECT_THAT(refused.error().message, HasSubstr("This library has: cpu"));
  settings_.fallback_to_cpu = true;
  EXPECT_TRUE(make(manifest, onnx));
  EXPECT_THAT(metrics_.prometheus_text(), HasSubstr("lineside_inference_provider_fallbacks_total 1"));
}

TEST(Session, FixesADynamicBatchDimension) {
  std::string name;
  const auto session = Session::create(channel_means(name, 8, -1), {});
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_THAT((*session)->inputs()[0].shape, testing::ElementsAre(1, 3, 8, 8));
  std::ranges::fill((*session)->input_f32(), 2.0F);
  ASSERT_TRUE((*session)->run());
  EXPECT_THAT((*session)->output_f32(), testing::ElementsAre(2.0F, 2.0F, 2.0F));
}

TEST(Session, NamesInputShapeAndType_WhenTheyCanNotBeUsed) {
  TestModel dynamic({1, 3, -2, -3});
  dynamic.op("Relu");
  auto refused = Session::create(dynamic.finish({1, 3, -2, -3}), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::model_unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("input 'image' float32 [1,3,?,?]"));
  TestModel wide({1, 3, 8, 8}, 1, onnx::TensorProto::INT64);
  auto& node = *wide.graph().add_node();
  node.set_op_type("Cast");
  node.add_input("image");
  node.add_output("cast");
  auto& to = *node.add_attribute();
  to.set_name("to");
  to.set_type(onnx::AttributeProto::INT);
  to.set_i(onnx::TensorProto::FLOAT);
  auto bytes = wide.finish({1, 3, 8, 8});
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  model.mutable_graph()->mutable_output(0)->set_name("cast");
  bytes.resize(model.ByteSizeLong());
  model.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  refused = Session::create(bytes, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::model_unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("'image' int64 [1,3,8,8] has type int64"));
}

TEST(Session, RefusesWhatIsNoModel_AndALibraryThatIsNone) {
  const std::vector<std::uint8_t> junk{1, 2, 3, 4, 5};
  EXPECT_EQ(Session::create(junk, {}).error().code, ErrorCode::model_unsupported);
  const TestFolder folder;
  std::ofstream(folder / "no.so") << "not a library";
  for (const std::string& library : {(folder / "no.so").string(), std::string("libsqlite3.so.0")}) {
    const auto refused = Session::create(junk, {.library = library});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::runtime_unavailable);
  }
}

TEST(Session, ThirtyLiveSideBySide) {
  std::string name;
  const auto onnx = channel_means(name);
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < 30; ++i) {
    auto session = Session::create(onnx, {});
    ASSERT_TRUE(session);
    sessions.push_back(std::move(*session));
    std::ranges::fill(sessions.back()->input_f32(), static_cast<float>(i));
  }
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    ASSERT_TRUE(sessions[i]->run());
    EXPECT_EQ(sessions[i]->output_f32()[0], static_cast<float>(i));
  }
}

}  // namespace
}  // namespace lineside::inference
