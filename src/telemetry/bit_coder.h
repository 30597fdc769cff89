#pragma once
// Arithmetic coding of binary decisions, each with its own probability (Rissanen 1976, in the 32-bit form without
// carries), and adaptive models that give the probabilities: counters in several contexts, mixed by what each was worth
// so far (logistic mixing, Mahoney 2005). All in integers: both ends compute the same on any CPU.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace lineside::telemetry {

// Probabilities are those of a one, in 1/65536, 1..65535. Owner thread only, like all of this file.
class BitEncoder {
 public:
  void encode(bool bit, std::uint32_t probability) {
    const std::uint32_t middle = low_ + static_cast<std::uint32_t>((std::uint64_t{high_ - low_} * probability) >> 16);
    (bit ? high_ : low_) = bit ? middle : middle + 1;
    while (((low_ ^ high_) & 0xff000000U) == 0) shift();
  }
  // The bytes so far, and what is needed to read them all. The encoder starts anew.
  std::vector<std::uint8_t> finish();

 private:
  void shift() {
    bytes_.push_back(static_cast<std::uint8_t>(high_ >> 24));
    low_ <<= 8;
    high_ = high_ << 8 | 0xff;
  }
  std::uint32_t low_ = 0, high_ = 0xffffffff;
  std::vector<std::uint8_t> bytes_;
};

// Beyond its end it reads zeros: what comes out is checked by those who know what to expect.
class BitDecoder {
 public:
  explicit BitDecoder(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
  }
  bool decode(std::uint32_t probability) {
    const std::uint32_t middle = low_ + static_cast<std::uint32_t>((std::uint64_t{high_ - low_} * probability) >> 16);
    const bool bit = code_ <= middle;
    (bit ? high_ : low_) = bit ? middle : middle + 1;
    while (((low_ ^ high_) & 0xff000000U) == 0) {
      low_ <<= 8;
      high_ = high_ << 8 | 0xff;
      code_ = code_ << 8 | next();
    }
    return bit;
  }
  // More was read than was there: the bytes are damaged or cut off.
  bool beyond_end() const { return at_ > bytes_.size() + 4; }

 private:
  std::uint32_t next() {
    const std::size_t at = at_++;
    return at < bytes_.size() ? bytes_[at] : 0;
  }
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  std::uint32_t low_ = 0, high_ = 0xffffffff, code_ = 0;
};

// Of the mixing, made by plain arithmetic when compiled.
struct CoderTables {
  static constexpr int kStretchMax = 2047;                // ln(p / (1 - p)) in 1/256
  std::array<std::int16_t, 4096> stretch;                 // of a probability in 1/4096
  std::array<std::uint16_t, 2 * kStretchMax + 1> squash;  // the inverse, in 1/65536
  std::array<std::uint32_t, 4096> cost;                   // -log2 of a probability in 1/4096, in 1/65536 bit
  std::array<std::uint16_t, 160> rates;                   // how far a counter moves towards what came, in 1/65536
};
extern const CoderTables kCoderTables;

// What bits would cost, in 1/65536 bit.
class BitCost {
 public:
  void encode(bool bit, std::uint32_t probability) {
    cost_ += kCoderTables.cost[(bit ? probability : 65536 - probability) >> 4];
  }
  std::uint64_t cost() const { return cost_; }

 private:
  std::uint64_t cost_ = 0;
};

// One context's share of ones: quick to learn at first, then slow to change.
class Counter {
 public:
  std::uint32_t probability() const { return value_; }
  void update(bool bit) {
    const int target = bit ? 65535 - 16 : 16;
    value_ = static_cast<std::uint16_t>(value_ + (((target - value_) * kCoderTables.rates[seen_]) >> 16));
    if (seen_ + 1U < kCoderTables.rates.size()) ++seen_;
  }

 private:
  std::uint16_t value_ = 32768;
  std::uint8_t seen_ = 0;
};

// Four contexts' opinions on one decision, weighted.
class Mixer {
 public:
  using Inputs = std::array<Counter*, 4>;

  // The mixture's probability. update() must follow with what came, for the same inputs.
  std::uint32_t mix(const Inputs& inputs) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      stretched_[i] = kCoderTables.stretch[inputs[i]->probability() >> 4];
      sum += std::int64_t{weights_[i]} * stretched_[i];
    }
    constexpr std::int64_t kMax = CoderTables::kStretchMax;
    mixed_ = kCoderTables.squash[static_cast<std::size_t>(std::clamp(sum >> 16, -kMax, kMax) + kMax)];
    return mixed_;
  }
  void update(const Inputs& inputs, bool bit) {
    constexpr std::int32_t kLearningRate = 10;
    const std::int32_t error = ((bit ? 65536 : 0) - static_cast<std::int32_t>(mixed_)) * kLearningRate;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      weights_[i] += static_cast<std::int32_t>((std::int64_t{stretched_[i]} * error + (1 << 19)) >> 20);
      inputs[i]->update(bit);
    }
  }

 private:
  std::array<std::int32_t, 4> weights_{20000, 20000, 20000, 20000};  // in 1/65536
  std::array<std::int32_t, 4> stretched_{};
  std::uint32_t mixed_ = 32768;
};

// Decisions on their way out and on their way in, by the same calls: each returns the decision, which on the way out is
// the one that was wanted.
template <class Coder>
class BitWriter {
 public:
  static constexpr bool kReads = false;
  explicit BitWriter(Coder& coder) : coder_(&coder) {}
  bool mixed(Mixer& mixer, const Mixer::Inputs& inputs, bool wanted) {
    coder_->encode(wanted, mixer.mix(inputs));
    mixer.update(inputs, wanted);
    return wanted;
  }
  bool counted(Counter& counter, bool wanted) {
    coder_->encode(wanted, std::clamp<std::uint32_t>(counter.probability(), 32, 65504));
    counter.update(wanted);
    return wanted;
  }
  bool even(bool wanted) {
    coder_->encode(wanted, 32768);
    return wanted;
  }
  bool beyond_end() const { return false; }

 private:
  Coder* coder_;
};

class BitReader {
 public:
  static constexpr bool kReads = true;
  explicit BitReader(BitDecoder& decoder) : decoder_(&decoder) {}
  bool mixed(Mixer& mixer, const Mixer::Inputs& inputs, bool) {
    const bool bit = decoder_->decode(mixer.mix(inputs));
    mixer.update(inputs, bit);
    return bit;
  }
  bool counted(Counter& counter, bool) {
    const bool bit = decoder_->decode(std::clamp<std::uint32_t>(counter.probability(), 32, 65504));
    counter.update(bit);
    return bit;
  }
  bool even(bool) { return decoder_->decode(32768); }
  bool beyond_end() const { return decoder_->beyond_end(); }

 private:
  BitDecoder* decoder_;
};

using Lengths = std::array<Counter, 66>;

// Any number, small ones cheap: exponential Golomb code (Teuhola 1978) with counted lengths.
template <class Bits>
std::uint64_t code_number(Bits& bits, Lengths& lengths, std::uint64_t value) {
  const bool full = value == ~std::uint64_t{0};  // its successor has 65 digits
  const int wanted = full ? 65 : static_cast<int>(std::bit_width(value + 1));
  int width = 1;
  while (width < 65 && bits.counted(lengths[static_cast<std::size_t>(width)], width < wanted)) ++width;
  std::uint64_t result = width == 65 ? 0 : 1;
  for (int i = std::min(width, 65) - 2; i >= 0; --i)
    result = result << 1 | (bits.even((((value + 1) >> i) & 1) != 0) ? 1U : 0U);
  return result - 1;
}

template <class Bits>
std::int64_t code_signed(Bits& bits, Lengths& lengths, std::int64_t value) {
  const auto zigzag = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  const std::uint64_t found = code_number(bits, lengths, zigzag);
  return static_cast<std::int64_t>((found >> 1) ^ (~(found & 1) + 1));
}

}  // namespace lineside::telemetry
