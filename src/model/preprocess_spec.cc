#include "model/preprocess_spec.h"

#include <format>

namespace lineside {

Result<void> validate(const PreprocessSpec& spec) {
  const auto bad = [](std::string what) { return fail(ErrorCode::bundle_invalid, "preprocess." + std::move(what)); };
  if (spec.width < 1 || spec.width > 4096) return bad(std::format("width is {}, must be 1..4096", spec.width));
  if (spec.height < 1 || spec.height > 4096) return bad(std::format("height is {}, must be 1..4096", spec.height));
  const auto ordered = [](double low, double high) { return low >= 0 && low < high && high <= 1; };
  if (!ordered(spec.crop_left, spec.crop_right))
    return bad(
        std::format("crop left {} and right {} must be 0 <= left < right <= 1", spec.crop_left, spec.crop_right));
  if (!ordered(spec.crop_top, spec.crop_bottom))
    return bad(
        std::format("crop top {} and bottom {} must be 0 <= top < bottom <= 1", spec.crop_top, spec.crop_bottom));
  for (std::size_t c = 0; c < 3; ++c) {
    if (!(spec.mean[c] >= 0 && spec.mean[c] <= 1)) return bad(std::format("mean {} must be 0..1", spec.mean[c]));
    if (!(spec.scale[c] > 0 && spec.scale[c] <= 1e6F)) return bad(std::format("scale {} must be > 0", spec.scale[c]));
  }
  return {};
}

}  // namespace lineside
