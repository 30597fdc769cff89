#include "plant/bottle_scene.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lineside::plant {
namespace {

Image draw(std::uint64_t seed, std::uint64_t bottle, BottleClass bottle_class) {
  BottleScene scene({.seed = seed});
  Image picture;
  scene.draw(bottle, bottle_class, picture);
  return picture;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

TEST(BottleScene, DrawsTheSamePicture_ForTheSameSeedAndBottle) {
  EXPECT_EQ(draw(3, 17, BottleClass::cap_tilted).pixels, draw(3, 17, BottleClass::cap_tilted).pixels);
}

TEST(BottleScene, DrawsOtherPictures_ForOtherBottlesAndSeeds) {
  const Image first = draw(3, 17, BottleClass::good);
  EXPECT_GT(mean_difference(first, draw(3, 18, BottleClass::good)), 1);
  EXPECT_GT(mean_difference(first, draw(4, 17, BottleClass::good)), 1);
}

TEST(BottleScene, ChangesOnlyTheCap_BetweenClassesOfOneBottle) {
  const Image good = draw(3, 17, BottleClass::good);
  for (const auto defect : {BottleClass::cap_tilted, BottleClass::cap_missing, BottleClass::cap_wrong_colour}) {
    const Image bad = draw(3, 17, defect);
    double inside = 0;
    for (int y = 40; y < 90; ++y)
      for (int x = 120; x < 200; ++x)
        for (int c = 0; c < 3; ++c) {
          const auto at = static_cast<std::size_t>((y * 320 + x) * 3 + c);
          inside += std::abs(int{good.pixels[at]} - int{bad.pixels[at]});
        }
    EXPECT_GT(inside / (50 * 80 * 3), 8) << to_string(defect);
  }
}

TEST(BottleScene, MakesDefectsAsOftenAsAsked_EachKind) {
  std::array<int, kBottleClasses> counts{};
  for (std::uint64_t i = 0; i < 30'000; ++i) ++counts[static_cast<std::size_t>(class_of(1, i, 0.03))];
  EXPECT_NEAR(counts[0], 29'100, 150);
  for (int i = 1; i < kBottleClasses; ++i) EXPECT_NEAR(counts[static_cast<std::size_t>(i)], 300, 70);
}

}  // namespace
}  // namespace lineside::plant
