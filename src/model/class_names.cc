#include "model/class_names.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace lineside {
namespace {

constexpr std::array<std::string_view, 4> kGood{"good", "normal", "ok", "pass"};
constexpr std::array<std::string_view, 13> kLeftOut{
    "mask",       "masks",     "ground_truth", "groundtruth", "annotations", "labels", "polygons",
    "unlabelled", "unlabeled", "unknown",      "unannotated", "ignore",      "ignored"};

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

ClassKind kind_of_class(std::string_view name) {
  const auto is_name = [&](std::string_view other) { return same_letters(name, other); };
  if (std::ranges::any_of(kGood, is_name)) return ClassKind::good;
  return std::ranges::any_of(kLeftOut, is_name) ? ClassKind::left_out : ClassKind::reject;
}

}  // namespace lineside
