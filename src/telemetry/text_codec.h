#pragma once
// Texts, kept exactly: of a column the ones that came before by their rank, new ones letter by letter with the chances
// that the letters before give (contexts of 0 to 3 letters, mixed). The letters' model knows usual names of
// measurements from the start.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/bit_coder.h"

namespace lineside::telemetry {

inline constexpr std::size_t kTextBytesMax = 1U << 20;  // of one text

// Owner thread only. One for all texts of a file.
class TextModel {
 public:
  TextModel();
  // `wanted` (at most kTextBytesMax bytes), or what was found; cut short when the bytes end early.
  template <class Bits>
  std::string code(Bits& bits, std::string_view wanted);

 private:
  template <class Bits>
  bool code_bit(Bits& bits, std::uint32_t node, bool wanted);

  static constexpr std::size_t kSlots = 1U << 14;
  std::vector<Counter> counters_[4];
  std::array<Mixer, 9> mixers_;
  std::uint32_t letters_ = 0;  // the last three
};

// Owner thread only. One for each column that has texts.
class TextCodec {
 public:
  // Returns `wanted`, or what was found; valid until the next call.
  template <class Bits>
  std::string_view code(Bits& bits, TextModel& model, std::string_view wanted);

 private:
  static constexpr std::size_t kRecentMax = 256;
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
