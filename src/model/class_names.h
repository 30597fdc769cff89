#pragma once
// What the name of a folder of pictures says about its class: one rule for learning and for judging.
#include <cstdint>
#include <string_view>

namespace lineside {

enum class ClassKind : std::uint8_t {
  good,      // good, normal, ok, pass
  left_out,  // masks and annotations, unlabelled pictures: no class at all
  reject,    // every other name
};

// Upper and lower case don't matter.
ClassKind kind_of_class(std::string_view name);

}  // namespace lineside
