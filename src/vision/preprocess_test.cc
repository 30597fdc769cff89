#include "vision/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "vision/allocation_count.h"

namespace lineside::vision {
namespace {

constexpr double kExactPx = 0.02;  // these pictures shrink little; the contract's 0.1 is for the largest factors

Image noise_image(int width, int height, PixelFormat format, unsigned seed = 1) {
  Image image{width, height, format, {}};
  image.pixels.resize(static_cast<std::size_t>(width * height * channels_of(format)));
  std::mt19937 random(seed);
  for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(random());
  return image;
}

Image uniform_image(int width, int height, std::array<std::uint8_t, 3> color) {
  Image image{width, height, PixelFormat::rgb8, {}};
  for (int i = 0; i < width * height; ++i) image.pixels.insert(image.pixels.end(), color.begin(), color.end());
  return image;
}

PreprocessSpec raw_spec(int width, int height) {
  PreprocessSpec spec;
  spec.width = width, spec.height = height;
  spec.mean = {0, 0, 0}, spec.scale = {255, 255, 255};
  return spec;
}

std::vector<float> run(const PreprocessSpec& spec, const Image& image) {
  std::vector<float> out(element_count(spec));
  EXPECT_TRUE(Preprocessor(spec).run(image.view(), std::span<float>(out)));
  return out;
}

// The definition, written in the slowest way: the mean of the picture over each output pixel's area.
float area_mean(const Image& image, double x0, double x1, double y0, double y1, int channel) {
  double sum = 0, area = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const double w = std::max(0.0, std::min<double>(x1, x + 1) - std::max<double>(x0, x)) *
                       std::max(0.0, std::min<double>(y1, y + 1) - std::max<double>(y0, y));
      sum += w * image.pixels[static_cast<std::size_t>((y * image.width + x) * 3 + channel)];
      area += w;
    }
  return static_cast<float>(sum / area);
}

TEST(Preprocessor, AveragesAreas_WhenShrinkingByAnyFactor) {
  for (auto [width, height] : {std::pair{40, 30}, {33, 29}, {17, 16}}) {
    const Image image = noise_image(width, height, PixelFormat::rgb8);
    const auto out = run(raw_spec(16, 16), image);
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < 16; ++y)
        for (int x = 0; x < 16; ++x)
          ASSERT_NEAR(
              out[static_cast<std::size_t>((c * 16 + y) * 16 + x)],
              area_mean(image, x * width / 16.0, (x + 1) * width / 16.0, y * height / 16.0, (y + 1) * height / 16.0, c),
              kExactPx);
  }
}

// The loops exist for CPUs with and without AVX2, and for two pixels at once: all against the definition in doubles.
TEST(Preprocessor, RoundsToTheNearestByte_WhateverTheWidthAndFactor) {
  for (const int width : {7, 16, 33, 130, 700})
    for (const int size : {1, 5, 16, 33}) {
      const Image image = noise_image(width, 40, PixelFormat::rgb8, static_cast<unsigned>(width + size));
      auto spec = raw_spec(size, 8);
      spec.type = PreprocessSpec::Type::u8;
      if (size > width || width > 200 * size) continue;
      std::vector<std::uint8_t> out(element_count(spec));
      ASSERT_TRUE(Preprocessor(spec).run(image.view(), std::span<std::uint8_t>(out)));
      for (int c = 0; c < 3; ++c)
        for (int y = 0; y < 8; ++y)
          for (int x = 0; x < size; ++x)
            ASSERT_NEAR(out[static_cast<std::size_t>((c * 8 + y) * size + x)],
                        area_mean(image, x * double(width) / size, (x + 1) * double(width) / size, y * 5, y * 5 + 5, c),
                        0.6)
                << width << " " << size << " " << c << " " << x << " " << y;
    }
}

// Pinned: every form of the loops (AVX2, SSE2, written for any CPU) and every build must give the same bits, or a model
// would see other pictures on the line than where it was trained.
TEST(Preprocessor, GivesTheSameBitsOnEveryCpu) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const int size : {16, 33, 97}) {
    const Image image = noise_image(3 * size + 5, 71, PixelFormat::rgb8, 7);
    auto spec = raw_spec(size, 24);
    spec.type = PreprocessSpec::Type::u8;
    std::vector<std::uint8_t> out(element_count(spec));
    ASSERT_TRUE(Preprocessor(spec).run(image.view(), std::span<std::uint8_t>(out)));
    for (const std::uint8_t byte : out) hash = (hash ^ byte) * 1099511628211ULL;
  }
  EXPECT_EQ(hash, 15109506772950075301ULL);
}

TEST(Preprocessor, NeverOverflows_WhenAWhitePictureShrinksAHundredfold) {
  const Image image = uniform_image(1600, 1200, {255, 255, 255});
  auto spec = raw_spec(16, 12);
  for (const float value : run(spec, image)) EXPECT_NEAR(value, 255, 0.3);
  spec.type = PreprocessSpec::Type::u8;
  std::vector<std::uint8_t> out(element_count(spec));
  ASSERT_TRUE(Preprocessor(spec).run(image.view(), std::span<std::uint8_t>(out)));
  EXPECT_THAT(out, testing::Each(255));
}

TEST(Preprocessor, KeepsPixelsExactly_WhenSizesAreEqual) {
  const Image image = noise_image(24, 20, PixelFormat::rgb8);
  auto spec = raw_spec(24, 20);
  spec.type = PreprocessSpec::Type::u8;
  spec.layout = PreprocessSpec::Layout::nhwc;
  std::vector<std::uint8_t> out(element_count(spec));
  ASSERT_TRUE(Preprocessor(spec).run(image.view(), std::span<std::uint8_t>(out)));
  EXPECT_EQ(out, image.pixels);
}

TEST(Preprocessor, InterpolatesBetweenPixelCentres_WhenGrowing) {
  Image image{2, 1, PixelFormat::gray8, {0, 100}};
  auto spec = raw_spec(4, 1);
  spec.color = PreprocessSpec::Color::gray;
  const auto out = run(spec, image);
  const std::vector<float> expected{0, 25, 75, 100};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(out[i], expected[i], 0.01);
}

TEST(Preprocessor, AppliesMeanAndScalePerChannel) {
  PreprocessSpec spec;
  spec.width = spec.height = 4;
  spec.mean = {0.5F, 0.25F, 0}, spec.scale = {2, 4, 1};
  const auto out = run(spec, uniform_image(9, 9, {255, 0, 51}));
  EXPECT_NEAR(out[0], 1.0, 2 * kExactPx / 255);
  EXPECT_NEAR(out[16], -1.0, 4 * kExactPx / 255);
  EXPECT_NEAR(out[32], 0.2, kExactPx / 255);
}

TEST(Preprocessor, OrdersColoursAndLayoutAsTheSpecSays) {
  const Image image = uniform_image(8, 8, {10, 20, 30});
  auto spec = raw_spec(2, 2);
  spec.color = PreprocessSpec::Color::bgr;
  EXPECT_NEAR(run(spec, image)[0], 30, 0.01);
  EXPECT_NEAR(run(spec, image)[8], 10, 0.01);
  spec.layout = PreprocessSpec::Layout::nhwc;
  EXPECT_NEAR(run(spec, image)[1], 20, 0.01);
  EXPECT_NEAR(run(spec, image)[3], 30, 0.01);
  spec.color = PreprocessSpec::Color::gray;
  EXPECT_NEAR(run(spec, image)[0], 0.299 * 10 + 0.587 * 20 + 0.114 * 30, 0.01);
}

// Planes are written four pixels at a time, and what is left of a row one by one.
TEST(Preprocessor, GivesTheSameInPlanesAsInPixels) {
  const Image image = noise_image(23, 9, PixelFormat::rgb8);
  for (const auto color : {PreprocessSpec::Color::rgb, PreprocessSpec::Color::bgr}) {
    auto spec = raw_spec(7, 5);
    spec.color = color;
    spec.mean = {0.1F, 0.2F, 0.3F}, spec.scale = {2, 3, 4};
    const auto planes = run(spec, image);
    spec.layout = PreprocessSpec::Layout::nhwc;
    const auto pixels = run(spec, image);
    for (std::size_t i = 0; i < 35; ++i)
      for (std::size_t c = 0; c < 3; ++c) EXPECT_FLOAT_EQ(planes[c * 35 + i], pixels[i * 3 + c]) << i << " " << c;
  }
}

TEST(Preprocessor, MakesThreeEqualChannels_FromAGrayCamera) {
  const Image image = noise_image(10, 10, PixelFormat::gray8);
  const auto out = run(raw_spec(5, 5), image);
  for (std::size_t i = 0; i < 25; ++i) {
    EXPECT_EQ(out[i], out[25 + i]);
    EXPECT_EQ(out[i], out[50 + i]);
  }
}

TEST(Preprocessor, CutsOutTheCrop_AndReadsNothingElse) {
  Image image = uniform_image(40, 40, {200, 200, 200});
  for (int y = 10; y < 30; ++y)
    for (int x = 20; x < 40; ++x) image.pixels[static_cast<std::size_t>((y * 40 + x) * 3)] = 100;
  auto spec = raw_spec(8, 8);
  spec.crop_left = 0.5, spec.crop_top = 0.25, spec.crop_bottom = 0.75;
  const auto out = run(spec, image);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_NEAR(out[i], 100, 0.01);
}

TEST(Preprocessor, PadsWithTheMean_WhenLetterboxed) {
  PreprocessSpec spec;
  spec.width = 16, spec.height = 16;
  spec.fit = PreprocessSpec::Fit::letterbox;
  spec.mean = {0.4F, 0.4F, 0.4F};
  const auto out = run(spec, uniform_image(32, 16, {255, 255, 255}));
  EXPECT_NEAR(out[0], 0, 1e-6);
  EXPECT_NEAR(out[3 * 16 + 8], 0, 1e-6);
  EXPECT_NEAR(out[4 * 16], 1.2, 1e-5);
  EXPECT_NEAR(out[11 * 16 + 15], 1.2, 1e-5);
  EXPECT_NEAR(out[12 * 16 + 8], 0, 1e-6);
}

TEST(Preprocessor, ReadsRowsWithPadding) {
  const Image image = noise_image(20, 12, PixelFormat::rgb8);
  std::vector<std::uint8_t> padded(12 * 77, 0xEE);
  for (std::size_t y = 0; y < 12; ++y)
    std::copy_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(y * 60), 60,
                padded.begin() + static_cast<std::ptrdiff_t>(y * 77));
  const auto spec = raw_spec(7, 5);
  std::vector<float> out(element_count(spec));
  ASSERT_TRUE(Preprocessor(spec).run({padded.data(), 20, 12, 77, PixelFormat::rgb8}, std::span<float>(out)));
  EXPECT_EQ(out, run(spec, image));
}

TEST(Preprocessor, GivesTheSame_AfterAnotherSizeWasSeen) {
  const auto spec = raw_spec(16, 16);
  const Image small = noise_image(20, 20, PixelFormat::rgb8), large = noise_image(90, 70, PixelFormat::gray8);
  Preprocessor preprocessor(spec);
  std::vector<float> first(element_count(spec)), again(element_count(spec));
  ASSERT_TRUE(preprocessor.run(small.view(), std::span<float>(first)));
  ASSERT_TRUE(preprocessor.run(large.view(), std::span<float>(again)));
  ASSERT_TRUE(preprocessor.run(small.view(), std::span<float>(again)));
  EXPECT_EQ(first, again);
}

TEST(Preprocessor, AllocatesNothing_AfterTheFirstPictureOfASize) {
  for (auto color : {PreprocessSpec::Color::rgb, PreprocessSpec::Color::gray}) {
    auto spec = raw_spec(64, 64);
    spec.color = color;
    const Image image = noise_image(320, 240, PixelFormat::rgb8);
    Preprocessor preprocessor(spec);
    std::vector<float> out(element_count(spec));
    ASSERT_TRUE(preprocessor.run(image.view(), std::span<float>(out)));
    const long before = allocations_of_this_thread();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(preprocessor.run(image.view(), std::span<float>(out)));
    EXPECT_EQ(allocations_of_this_thread() - before, 0);
  }
}

TEST(Preprocessor, RefusesWrongTensors_AndEmptyPictures) {
  const auto spec = raw_spec(8, 8);
  Preprocessor preprocessor(spec);
  std::vector<float> out(element_count(spec)), small(10);
  std::vector<std::uint8_t> bytes(element_count(spec));
  const Image image = noise_image(20, 20, PixelFormat::rgb8);
  EXPECT_EQ(preprocessor.run(image.view(), std::span<float>(small)).error().code, ErrorCode::usage);
  EXPECT_EQ(preprocessor.run(image.view(), std::span<std::uint8_t>(bytes)).error().code, ErrorCode::usage);
  EXPECT_EQ(preprocessor.run(ImageView{}, std::span<float>(out)).error().code, ErrorCode::file_format);
}

TEST(PreprocessSpec, ValidationNamesTheFieldAndItsLimits) {
  const auto message = [](auto change) {
    PreprocessSpec spec;
    change(spec);
    const auto result = validate(spec);
    return result ? std::string() : result.error().message;
  };
  EXPECT_EQ(message([](auto&) {}), "");
  EXPECT_THAT(message([](auto& spec) { spec.width = 0; }), testing::HasSubstr("1..4096"));
  EXPECT_NE(message([](auto& spec) { spec.crop_left = 0.9, spec.crop_right = 0.2; }), "");
  EXPECT_NE(message([](auto& spec) { spec.crop_top = std::nan(""); }), "");
  EXPECT_NE(message([](auto& spec) { spec.mean[1] = 3; }), "");
  EXPECT_NE(message([](auto& spec) { spec.scale[2] = 0; }), "");
}

}  // namespace
}  // namespace lineside::vision
