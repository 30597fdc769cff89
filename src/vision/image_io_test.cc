#include "vision/image_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
// After cstdio, which it needs.
#include <jpeglib.h>

#include <opencv2/imgcodecs.hpp>

#include "base/file.h"
#include "base/test_folder.h"
#include "vision/image_header.h"
#include "vision/jpeg_damage.h"

namespace lineside::vision {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

// Left half red, right half blue.
cv::Mat two_halves(int width, int height) {
  cv::Mat bgr(height, width, CV_8UC3, cv::Scalar(0, 0, 255));
  bgr.colRange(width / 2, width).setTo(cv::Scalar(255, 0, 0));
  return bgr;
}

Bytes encoded(const std::string& ending, int width = 60, int height = 40) {
  Bytes bytes;
  cv::imencode(ending, two_halves(width, height), bytes);
  return bytes;
}

// Puts an EXIF block with the orientation behind the start-of-image marker.
Bytes with_orientation(const Bytes& jpeg, std::uint8_t orientation) {
  const Bytes exif{0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M',         0, 42, 0, 0, 0, 8,
                   0,    1,    1, 18, 0,   3,   0,   0,   0, 1, 0,   orientation, 0, 0,  0, 0, 0, 0};
  Bytes out(jpeg.begin(), jpeg.begin() + 2);
  out.insert(out.end(), exif.begin(), exif.end());
  out.insert(out.end(), jpeg.begin() + 2, jpeg.end());
  return out;
}

int red(const Image& image, int x, int y) { return image.pixels[static_cast<std::size_t>((y * image.width + x) * 3)]; }

TEST(DecodeImage, ReadsEveryKind_AsRgb) {
  for (const char* ending : {".jpg", ".png", ".bmp", ".tiff", ".webp"}) {
    const auto image = decode_image(encoded(ending), ending);
    ASSERT_TRUE(image) << ending << ": " << image.error().message;
    EXPECT_EQ(image->width, 60) << ending;
    EXPECT_EQ(image->height, 40) << ending;
    EXPECT_GT(red(*image, 5, 5), 200) << ending;
    EXPECT_LT(red(*image, 55, 5), 50) << ending;
  }
}

// As a printer's program writes it: inverted, with Adobe's marker.
Bytes cmyk_jpeg(std::array<JSAMPLE, 4> ink) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* made = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &made, &size);
  info.image_width = info.image_height = 16;
  info.input_components = 4;
  info.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&info);
  info.write_Adobe_marker = TRUE;
  jpeg_start_compress(&info, TRUE);
  std::vector<JSAMPLE> line;
  for (int x = 0; x < 16; ++x) line.insert(line.end(), ink.begin(), ink.end());
  JSAMPROW row = line.data();
  for (int y = 0; y < 16; ++y) jpeg_write_scanlines(&info, &row, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  Bytes bytes(made, made + size);
  std::free(made);
  return bytes;
}

TEST(DecodeImage, ReadsAPrintersJpeg_InFourInks) {
  const auto red_ink = decode_image(cmyk_jpeg({255, 0, 0, 255}), "red.jpg");
  ASSERT_TRUE(red_ink) << red_ink.error().message;
  EXPECT_GT(red_ink->pixels[0], 240);
  EXPECT_LT(red_ink->pixels[1], 15);
  const auto white = decode_image(cmyk_jpeg({255, 255, 255, 255}), "white.jpg");
  ASSERT_TRUE(white);
  EXPECT_GT(white->pixels[1], 240);
}

// A picture with so much in it that each byte counts.
Bytes busy_jpeg(const std::vector<int>& options = {}) {
  cv::Mat bgr(120, 160, CV_8UC3);
  cv::RNG(1).fill(bgr, cv::RNG::UNIFORM, 0, 256);
  Bytes bytes;
  cv::imencode(".jpg", bgr, bytes, options);
  return bytes;
}

TEST(DecodeImage, RefusesAJpegWhoseDataIsDamaged_ThoughAllMarkersAreThere) {
  const Bytes whole = busy_jpeg();
  int refused = 0;
  for (std::size_t at = whole.size() / 4; at < whole.size() - 100; at += whole.size() / 24) {
    Bytes damaged = whole;
    std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(at), 64, std::uint8_t{0});
    const auto image = decode_image(damaged, "camera.jpg");
    refused += image ? 0 : 1;
    if (!image) {
      EXPECT_EQ(image.error().code, ErrorCode::file_format);
      EXPECT_THAT(image.error().message, HasSubstr("camera.jpg is damaged (Corrupt JPEG data"));
    }
  }
  EXPECT_GE(refused, 15) << "of 17 or 18";
}

TEST(JpegDamage, RefusesAHeaderThatClaimsMoreThanACameraGives) {
  Bytes forged = busy_jpeg({cv::IMWRITE_JPEG_PROGRESSIVE, 1});
  const Bytes frame{0xff, 0xc2};  // start of a progressive frame: length, precision, height, width
  const auto at = std::ranges::search(forged, frame).begin();
  ASSERT_NE(at, forged.end());
  std::fill_n(at + 5, 4, std::uint8_t{0x7f});
  const auto damage = jpeg_damage(forged);
  ASSERT_TRUE(damage);
  EXPECT_THAT(*damage, HasSubstr("claims"));
}

TEST(DecodeImage, TakesEveryWholeJpeg) {
  for (const auto& options : {std::vector<int>{},
                              {cv::IMWRITE_JPEG_PROGRESSIVE, 1},
                              {cv::IMWRITE_JPEG_RST_INTERVAL, 2},
                              {cv::IMWRITE_JPEG_QUALITY, 100},
                              {cv::IMWRITE_JPEG_QUALITY, 1},
                              {cv::IMWRITE_JPEG_OPTIMIZE, 1}})
    EXPECT_TRUE(decode_image(busy_jpeg(options), "a")) << (options.empty() ? 0 : options[0]);
  Bytes padded = busy_jpeg();
  padded.insert(padded.end() - 2, 4, 0);
  EXPECT_TRUE(decode_image(padded, "a")) << "a camera that pads its data";
}

TEST(DecodeImage, TurnsThePicture_AsExifSays) {
  const auto turned = decode_image(with_orientation(encoded(".jpg"), 6), "turned");  // 90 degrees clockwise
  ASSERT_TRUE(turned);
  EXPECT_EQ(turned->width, 40);
  EXPECT_EQ(turned->height, 60);
  EXPECT_GT(red(*turned, 5, 5), 200);
  EXPECT_LT(red(*turned, 5, 55), 50);
}

TEST(DecodeImage, NamesTheFile_WhenItIsCutOff) {
  for (const char* ending : {".jpg", ".png", ".bmp", ".tiff", ".webp"}) {
    const Bytes whole = encoded(ending, 200, 100);
    const Bytes half(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2));
    const auto image = decode_image(half, "line1/0001");
    ASSERT_FALSE(image) << ending;
    EXPECT_EQ(image.error().code, ErrorCode::file_format) << ending;
    EXPECT_THAT(image.error().message, HasSubstr("line1/0001")) << ending;
  }
}

TEST(DecodeImage, RefusesClaimsOfHugePictures_BeforeDecoding) {
  Bytes png = encoded(".png");
  png[16] = 0x7F;  // width in IHDR
  const auto image = decode_image(png, "bomb.png");
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, ErrorCode::limit_reached);
  EXPECT_THAT(image.error().message, HasSubstr("bomb.png"));
  EXPECT_EQ(decode_image(encoded(".png"), "x", {.pixels_max = 100}).error().code, ErrorCode::limit_reached);
  EXPECT_EQ(decode_image(encoded(".png"), "x", {.file_bytes_max = 10}).error().code, ErrorCode::limit_reached);
}

TEST(DecodeImage, RefusesWhatIsNoPicture) {
  EXPECT_EQ(decode_image({}, "empty").error().code, ErrorCode::file_format);
  const Bytes text{'h', 'e', 'l', 'l', 'o'};
  EXPECT_EQ(decode_image(text, "text").error().code, ErrorCode::file_format);
  EXPECT_EQ(load_image("/nowhere/x.png").error().code, ErrorCode::file_not_found);
}

TEST(ImageHeader, ReadsInsideItsBytes_WhateverTheyAre) {
  for (const char* ending : {".jpg", ".png", ".bmp", ".tiff", ".webp"}) {
    const Bytes whole = encoded(ending);
    for (std::size_t length = 0; length < std::min<std::size_t>(whole.size(), 200); ++length) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      read_image_header(part);
    }
    for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 100); ++at)
      for (std::uint8_t value : {0x00, 0x7F, 0xFF}) {
        Bytes changed = whole;
        changed[at] = value;
        read_image_header(changed);
      }
  }
}

TEST(EncodeJpeg, RoundTripsWithinAFewGreyLevels) {
  const auto image = decode_image(encoded(".png"), "x");
  const auto jpeg = encode_jpeg(image->view(), 95);
  ASSERT_TRUE(jpeg);
  const auto again = decode_image(*jpeg, "y");
  ASSERT_TRUE(again);
  EXPECT_NEAR(red(*again, 5, 5), red(*image, 5, 5), 6);
  EXPECT_FALSE(encode_jpeg(ImageView{}));
}

TEST(MakeThumbnail, ShrinksToTheLongerSide_AndNeverEnlarges) {
  const auto image = decode_image(encoded(".png"), "x");
  const auto thumbnail = make_thumbnail(image->view(), 30);
  ASSERT_TRUE(thumbnail);
  EXPECT_EQ(thumbnail->width, 30);
  EXPECT_EQ(thumbnail->height, 20);
  EXPECT_EQ(red(*thumbnail, 2, 2), 255);
  EXPECT_EQ(make_thumbnail(image->view(), 1000)->width, 60);
}

TEST(ListImages, WalksFoldersSorted_AndLeavesOutTheRest) {
  const TestFolder folder;
  for (const char* name : {"b/2.JPG", "b/1.png", "a/deep/3.webp", ".hidden/4.png", "a/notes.txt", "a/.5.png"}) {
    fs::create_directories((folder.path() / name).parent_path());
    std::ofstream(folder.path() / name) << "x";
  }
  const auto found = list_images(folder.path());
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, testing::ElementsAre(folder.path() / "a/deep/3.webp", folder.path() / "b/1.png",
                                           folder.path() / "b/2.JPG"));
  EXPECT_EQ(list_images(folder.path() / "none").error().code, ErrorCode::file_not_found);
}

}  // namespace
}  // namespace lineside::vision
