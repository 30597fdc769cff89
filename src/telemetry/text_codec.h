#pragma once
// Texts, kept exactly: of a column the ones that came before by their rank, new ones letter by letter with the chances
// that the letters before give (contexts of 0 to 3 letters, mixed). The letters' model knows usual names of
// measurements from the start.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/bit_coder.h"

namespace lineside::telemetry {

inline constexpr std::size_t kTextBytesMax = 1U << 20;  // of one text

// What texts may take. A receiver decodes no more than that, whatever the bytes say; both ends have to have the same.
struct TextLimits {
  std::size_t bytes = kTextBytesMax;    // of one text; longer ones are cut
  std::size_t slots = 1U << 14;         // of the letters' model in each of its four contexts: a power of two
  std::size_t recent = 256;             // texts of a column that are kept
  std::vector<std::string_view> known;  // those that each column has from the start, the likeliest first
};

// Owner thread only. One for all texts of a file.
class TextModel {
 public:
  explicit TextModel(const TextLimits& limits = {});
  // `wanted` or what was found; cut short when the bytes end early.
  template <class Bits>
  std::string code(Bits& bits, std::string_view wanted);

 private:
  template <class Bits>
  bool code_bit(Bits& bits, std::uint32_t node, bool wanted);

  std::size_t bytes_max_, slots_;
  std::vector<Counter> counters_[4];
  std::array<Mixer, 9> mixers_;
  std::uint32_t letters_ = 0;  // the last three
};

// Owner thread only. One for each column that has texts.
class TextCodec {
 public:
  explicit TextCodec(const TextLimits& limits = {});
  // Returns `wanted`, or what was found; valid until the next call. `model` is made by `limits` when a text comes that
  // is not among those kept: most columns of numbers never have one.
  template <class Bits>
  std::string_view code(Bits& bits, std::optional<TextModel>& model, const TextLimits& limits, std::string_view wanted);

 private:
  std::size_t recent_max_;
  std::vector<std::string> recent_;  // the last one first
  unsigned history_ = 0;             // whether each of the last ones was the same as before it
  int run_ = 0;
  std::array<Counter, 16> same_by_history_;
  std::array<Counter, 24> same_by_run_;
  std::array<Counter, 4> same_seldom_;
  Counter same_, known_, second_;
  Mixer mixer_;
  Lengths rank_;
};

}  // namespace lineside::telemetry
