#pragma once
// A picture becomes a model's input, as the manifest's PreprocessSpec says. The one implementation: training, scoring
// and the gateway all call this, so a model never sees pictures prepared in another way than it learned from.
//
// What it does, in this order: cut out the crop (edges rounded to whole pixels); resize, each axis by itself: area
// average where it shrinks, bilinear (pixel centres) where it grows; colour order, or BT.601 luma for gray; f32:
// (value / 255 - mean) * scale; u8: rounded 0..255. Letterbox keeps the aspect ratio, centred; its border is the mean
// colour, which in an f32 tensor is 0.
// Computed in 16 bits: within 0.1 of a pixel value (of 255) of the exact mean, if no side shrinks more than 200-fold.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "model/image.h"
#include "model/preprocess_spec.h"

namespace lineside::vision {

using lineside::element_count;

// Owner thread only. run() allocates only when the picture's size or format differs from the call before.
class Preprocessor {
 public:
  explicit Preprocessor(const PreprocessSpec& spec);  // `spec` has passed validate()
  Preprocessor(Preprocessor&&) noexcept;
  Preprocessor& operator=(Preprocessor&&) noexcept;
  ~Preprocessor();

  // `out` has element_count() elements, one image in the spec's layout (without the batch dimension).
  // The overload must be that of the spec's type. Errors: usage (wrong type or size of `out`), file_format (an image
  // without pixels, or a crop of nothing).
  Result<void> run(const ImageView& image, std::span<float> out);
  Result<void> run(const ImageView& image, std::span<std::uint8_t> out);

  const PreprocessSpec& spec() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lineside::vision
