#include "training/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace lineside::training {
namespace {

cv::Mat picture_of(const Item& item, const PreprocessSpec& spec) {
  return {spec.height, spec.width, CV_8UC3, const_cast<std::uint8_t*>(item.pixels.data())};
}

void to_planes(const cv::Mat& values, const PreprocessSpec& spec, std::span<float> out) {  // values: CV_32FC3 in 0..1
  const auto plane = values.total();
  for (int y = 0; y < values.rows; ++y) {
    const auto* row = values.ptr<cv::Vec3f>(y);
    for (int x = 0; x < values.cols; ++x) {
      const auto at = static_cast<std::size_t>(y * values.cols + x);
      for (std::size_t c = 0; c < 3; ++c)
        out[c * plane + at] = (row[x][static_cast<int>(c)] - spec.mean[c]) * spec.scale[c];
    }
  }
}

cv::Mat moved(const cv::Mat& picture, const AugmentSpec& spec, Random& random) {
  const cv::Point2f centre(static_cast<float>(picture.cols) / 2, static_cast<float>(picture.rows) / 2);
  const double angle = random.uniform(-spec.rotation_deg, spec.rotation_deg);
  cv::Mat matrix = cv::getRotationMatrix2D(centre, angle, std::exp(random.uniform(-spec.scale, spec.scale)));
  matrix.at<double>(0, 2) += random.uniform(-spec.shift, spec.shift) * picture.cols;
  matrix.at<double>(1, 2) += random.uniform(-spec.shift, spec.shift) * picture.rows;
  cv::Mat result;
  cv::warpAffine(picture, result, matrix, picture.size(), cv::INTER_LINEAR, cv::BORDER_REPLICATE);
  if (spec.mirror_horizontal && random.chance(0.5)) cv::flip(result, result, 1);
  if (spec.mirror_vertical && random.chance(0.5)) cv::flip(result, result, 0);
  return result;
}

// Contrast, brightness, colour cast and noise.
void relight(cv::Mat& values, const AugmentSpec& spec, Random& random) {
  const double contrast = std::exp(random.uniform(-spec.light, spec.light));
  const double brightness = 0.5 * random.uniform(-spec.light, spec.light);
  const auto noise = static_cast<float>(std::sqrt(3.0) * random.uniform(0, spec.noise));
  std::array<float, 3> gain{}, offset{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double cast = std::exp(0.3 * random.uniform(-spec.light, spec.light));
    gain[c] = static_cast<float>(contrast * cast);
    offset[c] = static_cast<float>((0.5 - 0.5 * contrast + brightness) * cast);
  }
  for (int y = 0; y < values.rows; ++y) {
    auto* row = values.ptr<cv::Vec3f>(y);
    for (int x = 0; x < values.cols; ++x) {
      const std::uint64_t bits = random.next();  // 21 of them for each channel: uniform noise, much cheaper than normal
      for (int c = 0; c < 3; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const auto unit = static_cast<float>((bits >> (21 * at)) & 0x1fffff) * 0x1p-20F - 1;
        row[x][c] = std::clamp(row[x][c] * gain[at] + offset[at] + unit * noise, 0.0F, 1.0F);
      }
    }
  }
}

cv::Mat thumbnail(const cv::Mat& picture) {  // square, gray, mean 0, length 1
  cv::Mat small, gray;
  cv::resize(picture, small, {24, 24}, 0, 0, cv::INTER_AREA);
  cv::cvtColor(small, gray, cv::COLOR_RGB2GRAY);
  gray.convertTo(gray, CV_32F);
  gray -= cv::mean(gray)[0];
  return gray / std::max(1e-6, cv::norm(gray));
}

}  // namespace

AugmentSpec measure_pose(const Dataset& data) {
  constexpr double kMoreDifferent =
      1.05;  // times the usual difference of two items: a mirror image is still one of them
  constexpr std::size_t kPictures = 40;
  std::vector<cv::Mat> good;
  for (std::size_t i = 0; i < data.items.size(); ++i)
    if (!data.is_reject(i)) good.push_back(thumbnail(picture_of(data.items[i], data.spec)));
  const std::size_t step = std::max<std::size_t>(1, good.size() / kPictures);
  double same = 0, horizontal = 0, vertical = 0, quarter = 0, pairs = 0;
  for (std::size_t a = 0; a < good.size(); a += step)
    for (std::size_t b = 0; b < good.size(); b += step) {
      if (a == b) continue;
      cv::Mat flipped;
      same += good[a].dot(good[b]);
      cv::flip(good[b], flipped, 1);
      horizontal += good[a].dot(flipped);
      cv::flip(good[b], flipped, 0);
      vertical += good[a].dot(flipped);
      cv::rotate(good[b], flipped, cv::ROTATE_90_CLOCKWISE);
      quarter += good[a].dot(flipped);
      pairs += 1;
    }
  AugmentSpec spec;
  const auto alike = [&](double turned) { return pairs - turned < kMoreDifferent * (pairs - same); };
  spec.mirror_horizontal = alike(horizontal);
  spec.mirror_vertical = alike(vertical);
  if (spec.mirror_horizontal && spec.mirror_vertical && alike(quarter)) spec.rotation_deg = 180;
  return spec;
}

void Augmenter::make(std::size_t item, Random& random, std::span<float> out) const {
  cv::Mat changed = moved(picture_of(data_.items[item], data_.spec), spec_, random), values;
  if (random.chance(spec_.blur_share)) cv::GaussianBlur(changed, changed, {0, 0}, random.uniform(0.3, 1.2));
  changed.convertTo(values, CV_32FC3, 1.0 / 255);
  relight(values, spec_, random);
  to_planes(values, data_.spec, out);
}

void plain_input(const Dataset& data, std::size_t item, std::span<float> out) {
  cv::Mat values;
  picture_of(data.items[item], data.spec).convertTo(values, CV_32FC3, 1.0 / 255);
  to_planes(values, data.spec, out);
}

}  // namespace lineside::training
