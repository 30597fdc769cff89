#pragma once
// The names of Sparkplug B: groups, edge nodes, devices, host applications.
#include <algorithm>
#include <cstddef>
#include <string_view>

namespace lineside {

inline constexpr std::size_t kSparkplugIdBytesMax = 200;

// 1 to kSparkplugIdBytesMax bytes, none of them '+', '/', '#' or a control character. Whoever takes texts from
// strangers must also see whether they are UTF-8.
inline bool is_sparkplug_id(std::string_view text) {
  return !text.empty() && text.size() <= kSparkplugIdBytesMax && std::ranges::all_of(text, [](char c) {
    return c != '+' && c != '/' && c != '#' && c != 0x7F && static_cast<unsigned char>(c) >= 0x20;
  });
}

}  // namespace lineside
