#pragma once
// For tests: small drawn pictures of discs, whole or with a dark spot, in a folder per class.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <format>
#include <string>

#include "base/file.h"
#include "model/image.h"
#include "training/random.h"
#include "vision/image_io.h"

namespace lineside::training {

inline Image draw_disc(bool spotted, Random& random, int side = 48) {
  Image image{
      .width = side, .height = side, .pixels = std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3))};
  const double x0 = side * random.uniform(0.45, 0.55), y0 = side * random.uniform(0.45, 0.55), radius = side * 0.35;
  const double light = random.uniform(0.85, 1.15), turn = random.uniform(0, 6.28);
  const double spot_x = x0 + 0.5 * radius * std::cos(turn), spot_y = y0 + 0.5 * radius * std::sin(turn);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      double value = std::hypot(x - x0, y - y0) < radius ? 180 : 60;
      if (spotted && std::hypot(x - spot_x, y - spot_y) < 0.35 * radius) value = 20;
      for (int c = 0; c < 3; ++c)
        image.pixels[static_cast<std::size_t>((y * side + x) * 3 + c)] =
            static_cast<std::uint8_t>(std::clamp(light * value + random.uniform(-8, 8), 0.0, 255.0));
    }
  return image;
}

// `count` pictures each in FOLDER/good and FOLDER/spotted.
inline void draw_discs(const fs::path& folder, int count, std::uint64_t seed) {
  Random random(seed);
  for (const bool spotted : {false, true}) {
    const fs::path into = folder / (spotted ? "spotted" : "good");
    fs::create_directories(into);
    for (int i = 0; i < count; ++i) {
      const auto jpeg = vision::encode_jpeg(draw_disc(spotted, random).view(), 90).value();
      write_atomically(into / std::format("{:03}.jpg", i), jpeg).value();
    }
  }
}

}  // namespace lineside::training
