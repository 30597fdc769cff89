#include "plant/bottle_scene.h"

#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "plant/random.h"

namespace lineside::plant {

namespace {

using Colour = cv::Scalar;  // red, green, blue: the picture is RGB from the start

// The camera looks at this part of the board that the bottle is laid out on: the cap fills a quarter of the width.
constexpr double kBoardWidth = 200, kBoardHeight = 150, kBoardTop = 22;
constexpr double kNeckHalf = 20, kCapHalf = 25, kCapTop = 50, kCapBottom = 86, kRing = 95;
constexpr int kShift = 4;  // fractional bits of drawn coordinates

// How one bottle stands before the camera, all taken from its own random numbers.
struct Pose {
  double centre_x, top_y, scale;
};

struct Pen {
  cv::Mat& canvas;
  Pose pose;
  double pixels;  // per board unit

  cv::Point at(double x, double y) const {
    const double px = (pose.centre_x + x * pose.scale) * pixels;
    const double py = (pose.top_y + y * pose.scale) * pixels;
    return {static_cast<int>(std::lround(px * (1 << kShift))), static_cast<int>(std::lround(py * (1 << kShift)))};
  }
  int width(double units) const { return std::max(1, static_cast<int>(std::lround(units * pixels * pose.scale))); }
  cv::Size axes(double x, double y) const {
    const double k = pixels * pose.scale * (1 << kShift);
    return {static_cast<int>(std::lround(x * k)), static_cast<int>(std::lround(y * k))};
  }
  void fill(const std::vector<cv::Point>& points, const Colour& colour) const {
    cv::fillPoly(canvas, std::vector<std::vector<cv::Point>>{points}, colour, cv::LINE_AA, kShift);
  }
  void line(cv::Point a, cv::Point b, const Colour& colour, double thickness) const {
    cv::line(canvas, a, b, colour, width(thickness), cv::LINE_AA, kShift);
  }
  void ellipse(cv::Point centre, cv::Size half, double angle, const Colour& colour, int thickness = cv::FILLED) const {
    cv::ellipse(canvas, centre, half, angle, 0, 360, colour, thickness, cv::LINE_AA, kShift);
  }
};

Colour shade(const Colour& colour, double factor) {
  return {std::min(255.0, colour[0] * factor), std::min(255.0, colour[1] * factor),
          std::min(255.0, colour[2] * factor)};
}

// Mixes what `draw` paints on a copy into the canvas with the given opacity: glass and light shine through.
template <class Draw>
void blend(Pen pen, cv::Mat& scratch, double opacity, Draw draw) {
  pen.canvas.copyTo(scratch);
  Pen over{scratch, pen.pose, pen.pixels};
  draw(over);
  cv::addWeighted(scratch, opacity, pen.canvas, 1 - opacity, 0, pen.canvas);
}

Colour cap_colour(BottleClass bottle_class, Random& random) {
  const double v = random.uniform(0.92, 1.08);
  if (bottle_class != BottleClass::cap_wrong_colour) return shade({28, 84, 178}, v);
  static constexpr std::array<std::array<double, 3>, 5> kOthers{
      {{196, 38, 40}, {36, 142, 62}, {226, 226, 222}, {222, 176, 30}, {104, 52, 148}}};
  const auto& other = kOthers[static_cast<std::size_t>(random.below(kOthers.size()))];
  return shade({other[0], other[1], other[2]}, v);
}

void draw_body(Pen pen, cv::Mat& scratch, Random& random) {
  const double level = random.uniform(118, 142);
  const double tint = random.uniform(0.94, 1.04);
  std::vector<cv::Point> glass, liquid;
  const auto half_at = [](double y) {
    const double t = std::clamp((y - 100) / 74, 0.0, 1.0);
    return kNeckHalf + (64 - kNeckHalf) * (1 - std::cos(t * std::numbers::pi)) / 2;
  };
  for (double y = 92; y <= 260; y += 6) glass.push_back(pen.at(half_at(y), y));
  for (double y = 260; y >= 92; y -= 6) glass.push_back(pen.at(-half_at(y), y));
  for (double y = level; y <= 262; y += 6) liquid.push_back(pen.at(half_at(y) - 2, y));
  for (double y = 262; y >= level; y -= 6) liquid.push_back(pen.at(-half_at(y) + 2, y));
  blend(pen, scratch, 0.55, [&](Pen& over) {
    over.fill(glass, shade({190, 206, 204}, tint));
    over.fill(liquid, shade({148, 104, 44}, tint * random.uniform(0.94, 1.06)));
    over.ellipse(over.at(0, level), over.axes(half_at(level) - 2, 3.5), 0, shade({196, 158, 92}, tint));
  });
  for (const double side : {-1.0, 1.0})
    for (double y = 98; y < 250; y += 6)
      pen.line(pen.at(side * half_at(y), y), pen.at(side * half_at(y + 6), y + 6), {92, 104, 104}, 1.3);
  const double streak = random.uniform(-0.75, -0.45), streak_to = random.uniform(150, 215);
  blend(pen, scratch, random.uniform(0.25, 0.6), [&](Pen& over) {
    for (double y = 112; y < streak_to; y += 6)
      over.line(over.at(streak * half_at(y), y), over.at(streak * half_at(y + 6), y + 6), {250, 250, 246}, 4);
  });
}

// The bare neck finish: what is seen when there is no cap, and below a cap that sits askew.
void draw_finish(Pen pen, cv::Mat& scratch, Random& random) {
  const double top = kCapTop + 6;
  blend(pen, scratch, 0.7, [&](Pen& over) {
    over.fill({over.at(-kNeckHalf, top), over.at(kNeckHalf, top), over.at(kNeckHalf, 100), over.at(-kNeckHalf, 100)},
              {186, 200, 198});
  });
  const double turn = random.uniform(0, 7);
  for (double y = top + 6 + turn; y < kCapBottom; y += 9)
    pen.line(pen.at(-kNeckHalf - 1.5, y), pen.at(kNeckHalf + 1.5, y - 4), {118, 132, 132}, 1.8);
  for (const double side : {-1.0, 1.0})
    pen.line(pen.at(side * kNeckHalf, top), pen.at(side * kNeckHalf, 100), {96, 108, 108}, 1.2);
  pen.ellipse(pen.at(0, top), pen.axes(kNeckHalf, 4), 0, {88, 98, 98}, pen.width(1.5));
}

void draw_cap(Pen pen, cv::Mat& scratch, BottleClass bottle_class, Random& random) {
  double angle = std::clamp(random.normal(0, 0.7), -1.8, 1.8);
  double lift = random.uniform(-1, 1);
  if (bottle_class == BottleClass::cap_tilted) {
    angle = random.uniform(5.5, 16) * (random.below(2) == 0 ? -1 : 1);
    lift = random.uniform(-7, -2);
  }
  const Colour colour = cap_colour(bottle_class, random);
  const double radians = angle * std::numbers::pi / 180, c = std::cos(radians), s = std::sin(radians);
  const double pivot = kCapBottom - 8;
  const auto on_cap = [&](double x, double y) {
    return pen.at(x * c - (y - pivot) * s, pivot + x * s + (y - pivot) * c + lift);
  };
  pen.fill({on_cap(-kCapHalf, kCapTop + 3), on_cap(-kCapHalf + 3, kCapTop), on_cap(kCapHalf - 3, kCapTop),
            on_cap(kCapHalf, kCapTop + 3), on_cap(kCapHalf, kCapBottom), on_cap(-kCapHalf, kCapBottom)},
           colour);
  // A round cap: darker towards its edges, knurled, with the tamper band below.
  const double phase = random.uniform(0, 0.2);
  for (double a = -1.35 + phase; a < 1.4; a += 0.2) {
    const double x = kCapHalf * std::sin(a);
    pen.line(on_cap(x, kCapTop + 4), on_cap(x, kCapBottom - 8), shade(colour, 0.62 + 0.2 * std::cos(a)), 1.1);
  }
  pen.line(on_cap(-kCapHalf, kCapBottom - 6), on_cap(kCapHalf, kCapBottom - 6), shade(colour, 0.45), 1.2);
  pen.line(on_cap(-kCapHalf + 2, kCapTop + 1), on_cap(kCapHalf - 2, kCapTop + 1), shade(colour, 1.3), 1.6);
  const double glint = random.uniform(-0.7, 0.2) * kCapHalf, glint_width = random.uniform(2, 6);
  blend(pen, scratch, random.uniform(0.15, 0.65), [&](Pen& over) {
    over.line(on_cap(glint, kCapTop + 5), on_cap(glint, kCapBottom - 9), {255, 252, 244}, glint_width);
  });
}

void draw_dirt(Pen pen, cv::Mat& scratch, Random& random) {
  const int droplets = random.below(7), specks = random.below(4);
  blend(pen, scratch, 0.4, [&](Pen& over) {
    for (int i = 0; i < droplets; ++i) {
      const double x = random.uniform(-55, 55), y = random.uniform(105, 230), r = random.uniform(0.8, 2.6);
      over.ellipse(over.at(x, y), over.axes(r, r * random.uniform(1, 1.6)), 0, {240, 242, 240});
    }
    for (int i = 0; i < specks; ++i) {
      const double x = random.uniform(-120, 120), y = random.uniform(-10, 220), r = random.uniform(0.6, 1.8);
      over.ellipse(over.at(x, y), over.axes(r, r), 0, {60, 58, 54});
    }
  });
}

cv::Mat make_background(const SceneSettings& settings, Random& random) {
  cv::Mat picture(settings.height, settings.width, CV_8UC3);
  const double warm = random.uniform(0.97, 1.03), bright = random.uniform(0.94, 1.04);
  const double light_x = random.uniform(0.35, 0.65);
  for (int y = 0; y < picture.rows; ++y)
    for (int x = 0; x < picture.cols; ++x) {
      const double dx = static_cast<double>(x) / picture.cols - light_x,
                   dy = static_cast<double>(y) / picture.rows - 0.4;
      const double level = bright * (214 - 150 * (dx * dx + 0.8 * dy * dy));
      picture.at<cv::Vec3b>(y, x) = {cv::saturate_cast<std::uint8_t>(level * warm),
                                     cv::saturate_cast<std::uint8_t>(level),
                                     cv::saturate_cast<std::uint8_t>(level / warm * 0.99)};
    }
  const int rail = static_cast<int>(picture.rows * random.uniform(0.77, 0.83));
  cv::rectangle(picture, {0, rail}, {picture.cols, rail + picture.rows / 22}, {118, 122, 126}, cv::FILLED);
  cv::line(picture, {0, rail}, {picture.cols, rail}, {176, 180, 184}, 1, cv::LINE_AA);
  return picture;
}

cv::Mat make_noise(int width, int height, double deviation, Random& random) {
  cv::Mat noise(height, width, CV_16SC3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double grey = random.normal(0, deviation * 0.85);  // sensors' noise is mostly alike in the channels
      auto& pixel = noise.at<cv::Vec3s>(y, x);
      for (int i = 0; i < 3; ++i) pixel[i] = static_cast<short>(std::lround(grey + random.normal(0, deviation * 0.5)));
    }
  return noise;
}

}  // namespace

std::string_view to_string(BottleClass bottle_class) {
  switch (bottle_class) {
    case BottleClass::good:
      return "good";
    case BottleClass::cap_tilted:
      return "cap_tilted";
    case BottleClass::cap_missing:
      return "cap_missing";
    case BottleClass::cap_wrong_colour:
      return "cap_wrong_colour";
  }
  return "unknown";
}

BottleClass class_of(std::uint64_t seed, std::uint64_t bottle, double defect_share) {
  Random random(seed ^ 0xC1A55ULL, bottle);
  if (random.uniform() >= defect_share) return BottleClass::good;
  return static_cast<BottleClass>(1 + random.below(kBottleClasses - 1));
}

struct BottleScene::State {
  SceneSettings settings;
  cv::Mat background, noise, scratch, wide, light;
  double phase_a = 0, phase_b = 0, phase_warm = 0;

  // Share of full light at this point of the line's run, without the flicker of single pictures.
  double brightness(std::uint64_t bottle) const {
    const double n = static_cast<double>(bottle);
    const double slow = 0.6 * std::sin(n / 410 + phase_a) + 0.4 * std::sin(n / 2300 + phase_b);
    return 1 - settings.light_drift * (0.5 - 0.5 * slow);
  }
};

BottleScene::BottleScene(const SceneSettings& settings) : state_(std::make_unique<State>()) {
  Random random(settings.seed, 0x5CE9E);
  state_->settings = settings;
  state_->background = make_background(settings, random);
  state_->noise = make_noise(settings.width + 64, settings.height + 64, settings.noise, random);
  state_->phase_a = random.uniform(0, 2 * std::numbers::pi);
  state_->phase_b = random.uniform(0, 2 * std::numbers::pi);
  state_->phase_warm = random.uniform(0, 2 * std::numbers::pi);
}

BottleScene::~BottleScene() = default;
BottleScene::BottleScene(BottleScene&&) noexcept = default;
BottleScene& BottleScene::operator=(BottleScene&&) noexcept = default;

void BottleScene::draw(std::uint64_t bottle, BottleClass bottle_class, Image& picture) {
  State& s = *state_;
  const SceneSettings& settings = s.settings;
  picture.width = settings.width;
  picture.height = settings.height;
  picture.format = PixelFormat::rgb8;
  picture.pixels.resize(static_cast<std::size_t>(settings.width) * settings.height * 3);
  cv::Mat canvas(settings.height, settings.width, CV_8UC3, picture.pixels.data());
  Random random(settings.seed, bottle + 1);

  s.background.copyTo(canvas);
  const double pixels = std::min(settings.width / kBoardWidth, settings.height / kBoardHeight);
  const Pose pose{settings.width / pixels / 2 + std::clamp(random.normal(0, 4), -11.0, 11.0),
                  std::clamp(random.normal(0, 2), -5.0, 5.0) - kBoardTop, random.uniform(0.97, 1.03)};
  const Pen pen{canvas, pose, pixels};
  draw_body(pen, s.scratch, random);
  draw_finish(pen, s.scratch, random);
  pen.ellipse(pen.at(0, kRing), pen.axes(29, 3.5), 0, {150, 164, 164});
  pen.ellipse(pen.at(0, kRing), pen.axes(29, 3.5), 0, {96, 108, 110}, pen.width(1));
  if (bottle_class != BottleClass::cap_missing) draw_cap(pen, s.scratch, bottle_class, random);
  draw_dirt(pen, s.scratch, random);

  const double sigma = settings.blur_px * random.uniform(0.7, 1.5);
  if (sigma > 0.05) cv::GaussianBlur(canvas, canvas, {0, 0}, sigma * random.uniform(1, 1.5), sigma);
  const double level = s.brightness(bottle) * random.uniform(0.985, 1.015);
  const double warm =
      1 + 0.03 * settings.light_drift / 0.15 * std::sin(static_cast<double>(bottle) / 900 + s.phase_warm);
  const cv::Rect part(random.below(64), random.below(64), settings.width, settings.height);
  canvas.convertTo(s.wide, CV_16SC3);
  cv::multiply(s.wide, cv::Scalar(level * warm, level, level / warm), s.wide);
  cv::add(s.wide, s.noise(part), s.wide);
  s.wide.convertTo(canvas, CV_8UC3);
}

}  // namespace lineside::plant
