#pragma once
// "Did you mean ...?": the candidate that a mistyped word most likely stood for.
#include <span>
#include <string>
#include <string_view>

namespace lineside {

// The candidate with the smallest edit distance (insert, delete, replace, swap of neighbours; case ignored), if that is
// at most a third of the word's length, rounded up; otherwise empty.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace lineside
