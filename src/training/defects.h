#pragma once
// Made-up defects for good pictures: a part erased by the background's colour, a displaced patch of this or another
// good picture (CutPaste, Li et al. 2021), a stain, a scratch. They teach a network to look at every place and not only
// where the few real rejects happen to be bad.
#include <opencv2/core.hpp>
#include <optional>

#include "training/random.h"

namespace lineside::training {

// `picture` and `other` are CV_8UC3 of one size. Nothing if no visible change came out of several tries.
std::optional<cv::Mat> draw_defect(const cv::Mat& picture, const cv::Mat& other, Random& random);

}  // namespace lineside::training
