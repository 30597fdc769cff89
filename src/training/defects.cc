#include "training/defects.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace lineside::training {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

void draw_ellipse(cv::Mat& mask, cv::Point2d centre, double size, Random& random) {
  const cv::Size axes(std::max(1, static_cast<int>(size * random.uniform(0.3, 1))),
                      std::max(1, static_cast<int>(size * random.uniform(0.3, 1))));
  cv::ellipse(mask, cv::Point(centre), axes, random.uniform(0, 180), 0, 360, cv::Scalar(255), cv::FILLED);
}

void draw_polygon(cv::Mat& mask, cv::Point2d centre, double size, Random& random) {
  std::vector<double> angles(4 + random.below(5));
  for (double& angle : angles) angle = random.uniform(0, kTurn);
  std::ranges::sort(angles);
  std::vector<cv::Point> corners;
  for (const double angle : angles) {
    const double radius = size * random.uniform(0.5, 1.2);
    corners.emplace_back(cv::Point2d(centre.x + radius * std::cos(angle), centre.y + radius * std::sin(angle)));
  }
  cv::fillPoly(mask, std::vector{corners}, cv::Scalar(255));
}

// All of the picture beyond two straight cuts: an end that is missing.
void draw_cut(cv::Mat& mask, Random& random) {
  const double side = std::max(mask.cols, mask.rows), a = random.uniform(0, kTurn), b = random.uniform(0, kTurn);
  const double far_a = random.uniform(0.15, 0.45) * side, far_b = random.uniform(-0.2, 0.3) * side;
  for (int y = 0; y < mask.rows; ++y)
    for (int x = 0; x < mask.cols; ++x) {
      const double dx = x - mask.cols / 2.0, dy = y - mask.rows / 2.0;
      if (dx * std::cos(a) + dy * std::sin(a) > far_a && dx * std::cos(b) + dy * std::sin(b) > far_b)
        mask.at<std::uint8_t>(y, x) = 255;
    }
}

void draw_scratch(cv::Mat& mask, cv::Point2d start, double size, Random& random) {
  double angle = random.uniform(0, kTurn);
  const int thickness =
      1 + static_cast<int>(random.below(static_cast<std::size_t>(std::max(1, std::min(mask.cols, mask.rows) / 24))));
  const std::size_t pieces = 1 + random.below(4);
  for (std::size_t i = 0; i < pieces; ++i) {
    angle += 0.5 * random.normal();
    const cv::Point2d end = start + 0.5 * size * cv::Point2d(std::cos(angle), std::sin(angle));
    cv::line(mask, cv::Point(start), cv::Point(end), cv::Scalar(255), thickness);
    start = end;
  }
}

cv::Mat draw_mask(cv::Size canvas, Random& random) {
  cv::Mat mask = cv::Mat::zeros(canvas, CV_8UC1);
  const cv::Point2d centre(random.uniform(0.1, 0.9) * canvas.width, random.uniform(0.1, 0.9) * canvas.height);
  const double size = std::exp(random.uniform(std::log(0.06), std::log(0.35))) * std::min(canvas.width, canvas.height);
  const double kind = random.uniform();
  if (kind < 0.3)
    draw_ellipse(mask, centre, size, random);
  else if (kind < 0.6)
    draw_polygon(mask, centre, size, random);
  else if (kind < 0.8)
    draw_cut(mask, random);
  else
    draw_scratch(mask, centre, size, random);
  return mask;
}

cv::Mat rolled(const cv::Mat& picture, int dx, int dy) {
  cv::Mat result(picture.size(), picture.type());
  for (int y = 0; y < picture.rows; ++y) {
    const cv::Mat from = picture.row((y + dy) % picture.rows);
    cv::Mat to = result.row(y);
    from.colRange(dx, picture.cols).copyTo(to.colRange(0, picture.cols - dx));
    from.colRange(0, dx).copyTo(to.colRange(picture.cols - dx, picture.cols));
  }
  return result;
}

// What is seen where the defect is.
cv::Mat draw_filling(const cv::Mat& picture, const cv::Mat& other, Random& random) {
  const double kind = random.uniform();
  if (kind < 0.4) {  // the background, as seen at some place of the border
    const bool side = random.chance(0.5), far = random.chance(0.5);
    const int x =
        side ? (far ? picture.cols - 1 : 0) : static_cast<int>(random.below(static_cast<std::size_t>(picture.cols)));
    const int y =
        side ? static_cast<int>(random.below(static_cast<std::size_t>(picture.rows))) : (far ? picture.rows - 1 : 0);
    const auto colour = picture.at<cv::Vec3b>(y, x);
    return {picture.size(), picture.type(), cv::Scalar(colour[0], colour[1], colour[2])};
  }
  if (kind < 0.8) {
    const int dx = static_cast<int>(random.uniform(0.15, 0.85) * picture.cols);
    const int dy = static_cast<int>(random.uniform(0.15, 0.85) * picture.rows);
    cv::Mat patch = rolled(random.chance(0.5) ? picture : other, dx, dy);
    if (random.chance(0.5)) patch.convertTo(patch, -1, random.uniform(0.5, 1.3));
    return patch;
  }
  const cv::Scalar mean = cv::mean(picture) * random.uniform(0.1, 1.7);
  cv::Scalar colour;
  for (int c = 0; c < 3; ++c) colour[c] = std::clamp(mean[c] + 15 * random.normal(), 0.0, 255.0);
  return {picture.size(), picture.type(), colour};
}

}  // namespace

std::optional<cv::Mat> draw_defect(const cv::Mat& picture, const cv::Mat& other, Random& random) {
  constexpr int kTries = 20;
  constexpr double kVisible = 0.0012;  // of all pixels, changed from black to white or more of them less
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const cv::Mat mask = draw_mask(picture.size(), random), filling = draw_filling(picture, other, random);
    cv::Mat changed = picture.clone(), difference;
    filling.copyTo(changed, mask);
    cv::absdiff(changed, picture, difference);
    const cv::Scalar sums = cv::sum(difference);
    if ((sums[0] + sums[1] + sums[2]) / 3 / 255 < kVisible * static_cast<double>(picture.total())) continue;
    cv::Mat soft, alpha;
    cv::GaussianBlur(mask, soft, {3, 3}, 0);
    for (int y = 0; y < picture.rows; ++y)
      for (int x = 0; x < picture.cols; ++x) {
        const int a = soft.at<std::uint8_t>(y, x);
        if (a == 0 || a == 255) continue;
        const auto& before = picture.at<cv::Vec3b>(y, x);
        const auto& over = filling.at<cv::Vec3b>(y, x);
        for (int c = 0; c < 3; ++c)
          changed.at<cv::Vec3b>(y, x)[c] = static_cast<std::uint8_t>((before[c] * (255 - a) + over[c] * a) / 255);
      }
    return changed;
  }
  return std::nullopt;
}

}  // namespace lineside::training
