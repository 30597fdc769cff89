#pragma once
// How a picture becomes a model's input: part of a bundle's manifest, done by src/vision for training and running
// alike.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace lineside {

struct PreprocessSpec {
  // The part of the picture that is used, as fractions of its width and height; then resized to width x height.
  double crop_left = 0, crop_top = 0, crop_right = 1, crop_bottom = 1;
  int width = 128, height = 128;                                            // 1..4096
  enum class Fit : std::uint8_t { stretch, letterbox } fit = Fit::stretch;  // letterbox pads with the mean colour
  enum class Color : std::uint8_t { rgb, bgr, gray } color = Color::rgb;
  enum class Layout : std::uint8_t { nchw, nhwc } layout = Layout::nchw;
  enum class Type : std::uint8_t { f32, u8 } type = Type::f32;  // u8: raw 0..255, mean and scale unused
  std::array<float, 3> mean{0.5F, 0.5F, 0.5F};                  // of values in 0..1
  std::array<float, 3> scale{2.0F, 2.0F, 2.0F};                 // tensor = (value - mean) * scale
};

// Errors: bundle_invalid, naming the field and its limits.
Result<void> validate(const PreprocessSpec& spec);

constexpr int channels_of(const PreprocessSpec& spec) { return spec.color == PreprocessSpec::Color::gray ? 1 : 3; }

// Elements of one tensor: width * height * channels.
constexpr std::size_t element_count(const PreprocessSpec& spec) {
  return static_cast<std::size_t>(spec.width) * static_cast<std::size_t>(spec.height) *
         static_cast<std::size_t>(channels_of(spec));
}

}  // namespace lineside
