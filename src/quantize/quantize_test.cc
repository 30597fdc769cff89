#include "quantize/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "inference/session.h"
#include "inference/test_models.h"
#include "quantize/calibration.h"
#include "quantize/graph.h"
#include "quantize/rewrite.h"

namespace lineside::quantize {
namespace {

using inference::Session;
using inference::TestModel;

// Smooth random pictures, so that values look like those behind a camera and not like white noise.
std::vector<std::vector<float>> pictures(int count, int size, unsigned seed = 5) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(0, 1);
  std::vector<std::vector<float>> all;
  for (int n = 0; n < count; ++n) {
    std::vector<float> tensor;
    for (int c = 0; c < 3; ++c) {
      const float fx = 6 * uniform(random), fy = 6 * uniform(random), phase = 6 * uniform(random);
      for (int y = 0; y < size; ++y)
        for (int x = 0; x < size; ++x)
          tensor.push_back(std::sin(fx * static_cast<float>(x) / static_cast<float>(size) +
                                    fy * static_cast<float>(y) / static_cast<float>(size) + phase));
    }
    all.push_back(std::move(tensor));
  }
  return all;
}

float run_once(Session& session, const std::vector<float>& input) {
  std::ranges::copy(input, session.input_f32().begin());
  EXPECT_TRUE(session.run());
  return session.output_f32()[0];
}

double largest_difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b,
                          const std::vector<std::vector<float>>& inputs) {
  auto first = Session::create(a, {}), second = Session::create(b, {});
  EXPECT_TRUE(first) << first.error().message;
  EXPECT_TRUE(second) << second.error().message;
  double largest = 0;
  for (const auto& input : inputs)
    largest = std::max<double>(largest, std::abs(run_once(**first, input) - run_once(**second, input)));
  return largest;
}

TEST(Quantize, StaysCloseToTheFloatModel_WithEveryMethod) {
  const auto model = inference::make_dense_net(32, 8);
  const auto calibration = pictures(12, 32), fresh = pictures(12, 32, 77);
  for (const auto method : {Calibration::min_max, Calibration::percentile, Calibration::entropy}) {
    const auto int8 = quantize_static(model, calibration, {.method = method});
    ASSERT_TRUE(int8) << int8.error().message;
    EXPECT_LT(largest_difference(model, *int8, fresh), method == Calibration::entropy ? 0.15 : 0.06)
        << to_string(method);
    EXPECT_LT(int8->size(), model.size() / 2) << to_string(method);
  }
}

TEST(Quantize, RunsEveryConvolutionOnIntegers) {
  const auto int8 = quantize_static(inference::make_dense_net(32, 8), pictures(4, 32), {});
  ASSERT_TRUE(int8);
  const auto report = check_fused(*int8);
  ASSERT_TRUE(report) << report.error().message;
  std::string operators;
  for (const auto& [type, count] : report->operators) operators += type + "=" + std::to_string(count) + " ";
  EXPECT_TRUE(report->fused()) << operators;
  EXPECT_EQ(report->integer_convolutions, 6) << operators;
  EXPECT_EQ(report->integer_gemms, 1) << operators;
  EXPECT_EQ(report->float_gemms, 0) << operators;
  EXPECT_EQ(report->operators.count("Relu"), 0U) << operators;
  EXPECT_EQ(report->operators.at("Sigmoid"), 1) << operators;
}

// Proves that the check can see: the float model must not pass it.
TEST(CheckFused, SeesAModelThatIsNotFused) {
  const auto report = check_fused(inference::make_dense_net(32, 8));
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->fused());
  EXPECT_EQ(report->float_convolutions, 6);
}

TEST(Quantize, QuantizesConcatAndSkipsWhatItDoesNotKnow) {
  TestModel model({1, 3, 16, 16});
  model.conv(3, 8, 3, 2).op("Relu");
  const std::string left = model.last();
  model.conv(8, 8, 3, 1).op("Tanh").conv(8, 8, 3, 1).op("Relu");
  onnx::NodeProto& concat = *model.graph().add_node();
  concat.set_op_type("Concat");
  concat.set_name("join");
  concat.add_input(left);
  concat.add_input(model.last());
  concat.add_output("joined");
  auto& axis = *concat.add_attribute();
  axis.set_name("axis");
  axis.set_type(onnx::AttributeProto::INT);
  axis.set_i(1);
  onnx::NodeProto& pool = *model.graph().add_node();
  pool.set_op_type("GlobalAveragePool");
  pool.set_name("pool");
  pool.add_input("joined");
  pool.add_output("pooled");
  auto bytes = model.finish({1, 16, 1, 1});
  onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  proto.mutable_graph()->mutable_output(0)->set_name("pooled");
  bytes = to_bytes(proto);
  const auto calibration = pictures(6, 16);
  const auto int8 = quantize_static(bytes, calibration, {});
  ASSERT_TRUE(int8) << int8.error().message;
  const auto report = check_fused(*int8);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->integer_convolutions, 3);
  EXPECT_EQ(report->operators.count("QLinearConcat"), 1U);
  EXPECT_EQ(report->operators.at("Tanh"), 1);
  EXPECT_LT(largest_difference(bytes, *int8, calibration), 0.05);
}

TEST(Quantize, TakesThePixelsThemselves_WhenTheInputIsScaledPixels) {
  PreprocessSpec spec;
  spec.mean.fill(128.0F / 255);
  const auto bytes = byte_input_of(spec);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->zero_point, 128);
  auto inputs = pictures(8, 32);
  for (auto& tensor : inputs)  // what a preprocessor makes of whole pixel values
    for (float& value : tensor) value = (std::nearbyint(value * 100 + 128) / 255 - spec.mean[0]) * spec.scale[0];
  const auto model = inference::make_dense_net(32, 8);
  const auto int8 = quantize_static(model, inputs, {.byte_input = bytes});
  ASSERT_TRUE(int8) << int8.error().message;
  const auto report = check_fused(*int8);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->fused());
  EXPECT_EQ(report->operators.count("QuantizeLinear"), 0U);
  auto before = Session::create(model, {}), after = Session::create(*int8, {});
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ((*after)->inputs()[0].type, inference::ElementType::u8);
  for (const auto& input : inputs) {
    set_input(**after, input, bytes);
    ASSERT_TRUE((*after)->run());
    EXPECT_NEAR((*after)->output_f32()[0], run_once(**before, input), 0.06);
  }
}

TEST(ByteInput, IsRefused_WhereAByteCanNotStandForTheInput) {
  PreprocessSpec spec;
  EXPECT_FALSE(byte_input_of(spec));  // its zero lies between two pixel values
  spec.mean = {0, 0, 0.2F};
  EXPECT_FALSE(byte_input_of(spec));
  spec.mean.fill(0);
  EXPECT_TRUE(byte_input_of(spec));
  spec.scale = {1, 1, 2};
  EXPECT_FALSE(byte_input_of(spec));
  spec.color = PreprocessSpec::Color::gray;
  EXPECT_TRUE(byte_input_of(spec));
  spec.type = PreprocessSpec::Type::u8;
  EXPECT_FALSE(byte_input_of(spec));
}

TEST(QuantizeBest, KeepsTheMethodWithTheSmallestError) {
  const auto model = inference::make_dense_net(32, 8, 3);
  const auto best = quantize_best(model, pictures(8, 32));
  ASSERT_TRUE(best) << best.error().message;
  ASSERT_EQ(best->error_mean_of.size(), 3U);
  for (const auto& [method, error] : best->error_mean_of) EXPECT_LE(best->error_mean, error) << method;
  EXPECT_TRUE(best->fusion.fused());
}

TEST(Quantize, GivesTheSameBytesTwice) {
  const auto model = inference::make_dense_net(32, 8);
  EXPECT_EQ(*quantize_static(model, pictures(4, 32), {}), *quantize_static(model, pictures(4, 32), {}));
}

TEST(Quantize, RefusesWhatItCanNotQuantize) {
  const auto model = inference::make_dense_net(32, 8);
  EXPECT_EQ(quantize_static(model, {}, {}).error().code, ErrorCode::dataset_invalid);
  EXPECT_EQ(quantize_static(model, pictures(1, 16), {}).error().code, ErrorCode::dataset_invalid);
  const std::vector<std::uint8_t> junk{1, 2, 3};
  EXPECT_EQ(quantize_static(junk, pictures(1, 16), {}).error().code, ErrorCode::model_unsupported);
  const auto once = quantize_static(model, pictures(2, 32), {});
  EXPECT_EQ(quantize_static(*once, pictures(2, 32), {}).error().code, ErrorCode::model_unsupported);
  TestModel plain({1, 3, 8, 8});
  plain.op("Relu");
  EXPECT_EQ(quantize_static(plain.finish({1, 3, 8, 8}), pictures(1, 8), {}).error().code, ErrorCode::model_unsupported);
}

TEST(MakeScale, PutsZeroAtTheTypesMinimum_AfterARelu) {
  EXPECT_EQ(make_scale({0, 6}).zero_point, 0);
  EXPECT_NEAR(make_scale({0, 6}).scale, 6.0 / 255, 1e-6);
  EXPECT_NEAR(make_scale({-1, 1}).zero_point, 127.5, 0.6);
  EXPECT_EQ(make_scale({2, 6}).zero_point, 0);  // zero is always inside
}

TEST(ChooseRange, CutsOffOutliers_ButNotWithMinMax) {
  Histogram histogram{0, 100, std::vector<std::uint64_t>(Histogram::kBins, 0)};
  for (std::size_t i = 0; i < 100; ++i)  // nearly all below 4.9
    histogram.bins[i] = static_cast<std::uint64_t>(10000 * std::exp(-0.07 * static_cast<double>(i)));
  histogram.bins.back() = 3;
  EXPECT_FLOAT_EQ(choose_range(histogram, Calibration::min_max, 99.99).max, 100);
  EXPECT_LT(choose_range(histogram, Calibration::percentile, 99.99).max, 6);
  EXPECT_LT(choose_range(histogram, Calibration::entropy, 99.99).max, 20);
  EXPECT_EQ(choose_range(histogram, Calibration::entropy, 99.99).min, 0);
}

}  // namespace
}  // namespace lineside::quantize
