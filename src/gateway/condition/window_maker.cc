#include "gateway/condition/window_maker.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>

namespace lineside::gateway {
namespace {

constexpr double kRateTolerance = 0.02, kDriftSpanS = 10, kJumpOfBlock = 0.25, kJumpSamplesMin = 2;
// So many samples and blocks are needed for their times to say a rate within the tolerance: a stamp may be off by a
// jump that is still allowed.
constexpr double kDriftSamplesMin = 200;
constexpr int kDriftBlocksMin = 25;
constexpr std::uint64_t kReorderMax = 16;
constexpr int kLateMax = 3;
constexpr double kSpanMaxS = 1e9;  // keeps sums of times within 64 bits of nanoseconds

double seconds(nanoseconds duration) { return static_cast<double>(duration.count()) / 1e9; }

nanoseconds from_seconds(double s) { return nanoseconds{static_cast<std::int64_t>(std::min(s, kSpanMaxS) * 1e9)}; }

}  // namespace

const char* to_string(StreamFault fault) {
  static constexpr const char* kNames[] = {"gap", "rate", "time", "channels", "rate"};
  return kNames[static_cast<std::size_t>(fault)];
}

WindowMaker::WindowMaker(const config::AssetSettings& settings, double seconds_max)
    : settings_(settings),
      samples_max_(static_cast<std::size_t>(std::max(2.0, seconds_max * settings.rate_hz))),
      buffers_(settings.channels.size()) {}

nanoseconds WindowMaker::block_every() const {
  return from_seconds(static_cast<double>(block_samples_) / settings_.rate_hz);
}

nanoseconds WindowMaker::drift_every() const {
  return std::max({from_seconds(kDriftSpanS), from_seconds(kDriftSamplesMin / settings_.rate_hz),
                   std::min(block_every(), from_seconds(kSpanMaxS / kDriftBlocksMin)) * kDriftBlocksMin});
}

void WindowMaker::restart() {
  for (auto& buffer : buffers_) buffer.clear();
  begin_ = 0, first_ = 0, fresh_ = true;
  sequence_ = 0, end_ = {}, late_ = 0;
  drift_from_ = {}, drift_samples_ = 0, drift_blocks_ = 0;
}

bool WindowMaker::fits(const WaveformBlock& block, Faults& faults) {
  if (block.rate_hz > 0 && std::abs(block.rate_hz / settings_.rate_hz - 1) > kRateTolerance) {
    faults.emplace_back(StreamFault::rate,
                        std::format("blocks say {:.6g} Hz, the settings {:.6g} Hz", block.rate_hz, settings_.rate_hz));
    restart();
    return false;
  }
  if (block.channels == buffers_.size()) return true;
  // Names tell which channel is missing; without them nothing in the block can be trusted to be where it should.
  faults.emplace_back(StreamFault::channels, std::format("blocks have {} channel{}, the settings {}", block.channels,
                                                         block.channels == 1 ? "" : "s", buffers_.size()));
  if (block.names.size() == block.channels && block.channels > 0) return true;
  restart();
  return false;
}

// The block's number is not above that of the one before it: does the sensor count anew, or did it come late?
bool WindowMaker::numbers_anew(const WaveformBlock& block, Faults& faults) {
  const bool goes_on = late_ > 0 && block.sequence == late_sequence_ + 1;
  late_ = goes_on ? late_ + 1 : 1;
  late_samples_ = (goes_on ? late_samples_ : 0) + block.samples;
  late_sequence_ = block.sequence;
  const bool anew = late_ >= kLateMax || sequence_ - block.sequence > kReorderMax;
  faults.emplace_back(StreamFault::time, std::format("{}: number {} after {}",
                                                     anew ? "the sensor numbers its blocks anew" : "a block came late",
                                                     block.sequence, sequence_));
  if (!anew) return false;
  lost_ += late_samples_ - block.samples;  // what was taken for late
  restart();
  return true;
}

void WindowMaker::follow(double jump_s, double allowed_s, Faults& faults) {
  if (jump_s < -allowed_s) {
    faults.emplace_back(StreamFault::time,
                        std::format("a block begins {:.3f} s before the end of the one before it", -jump_s));
    restart();
  } else if (jump_s > allowed_s) {
    faults.emplace_back(StreamFault::gap, std::format("{:.3f} s are missing", jump_s));
    fill_gap(jump_s * settings_.rate_hz);
  }
}

bool WindowMaker::in_order(const WaveformBlock& block, Faults& faults) {
  if (fresh_) return true;
  const bool counts = block.sequence != 0 && sequence_ != 0, stamps = block.first != WallTime{} && end_ != WallTime{};
  const double length_s = static_cast<double>(block.samples) / settings_.rate_hz;
  const double jump_s = stamps ? seconds(block.first - end_) : 0;
  const double allowed_s = std::max(kJumpOfBlock * length_s, kJumpSamplesMin / settings_.rate_hz);
  // With times, going back in number alone is no disorder.
  if (counts && block.sequence <= sequence_ && (!stamps || jump_s < -allowed_s)) return numbers_anew(block, faults);
  late_ = 0;
  if (stamps) {
    follow(jump_s, allowed_s, faults);
    return true;
  }
  if (!counts || block.sequence == sequence_ + 1) return true;
  const std::uint64_t missing = block.sequence - sequence_ - 1;
  faults.emplace_back(StreamFault::gap, std::format("{} blocks are missing", missing));
  fill_gap(static_cast<double>(missing) * static_cast<double>(block.samples));
  return true;
}

// A gap that fits into the memory keeps its length, so that what comes after it stays in its place.
void WindowMaker::fill_gap(double samples) {
  lost_ += static_cast<std::uint64_t>(std::min(samples, 1e15));
  if (samples > static_cast<double>(samples_max_) / 2) return restart();
  drift_from_ = {};  // what is missing must not look like a slower rate
  for (auto& buffer : buffers_)
    buffer.insert(buffer.end(), static_cast<std::size_t>(samples + 0.5), std::numeric_limits<float>::quiet_NaN());
}

// Stamps over some time say how fast the samples really come.
void WindowMaker::check_drift(const WaveformBlock& block, Faults& faults) {
  if (block.first == WallTime{}) return;
  if (drift_from_ == WallTime{}) drift_from_ = block.first, drift_samples_ = 0, drift_blocks_ = 0;
  const double span_s = seconds(block.first - drift_from_);
  if (span_s > kDriftSpanS && drift_samples_ >= kDriftSamplesMin && drift_blocks_ >= kDriftBlocksMin) {
    const double rate = drift_samples_ / span_s;
    if (std::abs(rate / settings_.rate_hz - 1) > kRateTolerance)
      faults.emplace_back(StreamFault::drift, std::format("samples come at {:.5g} Hz by their times, the settings say "
                                                          "{:.5g} Hz",
                                                          rate, settings_.rate_hz));
    drift_from_ = block.first, drift_samples_ = 0, drift_blocks_ = 0;
  }
  drift_samples_ += static_cast<double>(block.samples);
  ++drift_blocks_;
}

void WindowMaker::append(const WaveformBlock& block) {
  for (std::size_t c = 0; c < buffers_.size(); ++c) {
    std::size_t from = c;
    if (!block.names.empty()) {
      const auto named = std::ranges::find(block.names, settings_.channels[c].name);
      from = static_cast<std::size_t>(named - block.names.begin());
    }
    if (from >= block.channels) {
      buffers_[c].insert(buffers_[c].end(), block.samples, std::numeric_limits<float>::quiet_NaN());
      continue;
    }
    const float factor = static_cast<float>(1 / settings_.channels[c].sensitivity);
    const auto* values = block.values.data() + from * block.samples;
    for (std::size_t i = 0; i < block.samples; ++i) buffers_[c].push_back(values[i] * factor);
  }
  // The oldest goes when nobody takes windows out; of a long block nothing, before they could be.
  const std::size_t held = buffers_.front().size() - begin_, most = samples_max_ + block.samples;
  if (held > most) begin_ += held - most, first_ += held - most;
  if (begin_ > samples_max_) {
    for (auto& buffer : buffers_) buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
}

WindowMaker::Faults WindowMaker::add(const WaveformBlock& block) {
  Faults faults;
  block_samples_ = std::max<std::size_t>(1, block.samples);
  if (!fits(block, faults) || !in_order(block, faults)) return faults;
  check_drift(block, faults);
  append(block);
  sequence_ = block.sequence;
  received_ = block.received;
  end_ = block.first == WallTime{} ? WallTime{}
                                   : block.first + from_seconds(static_cast<double>(block.samples) / settings_.rate_hz);
  fresh_ = false;
  return faults;
}

bool WindowMaker::next(std::size_t length, std::size_t hop, MadeWindow& window) {
  const std::size_t held = buffers_.front().size() - begin_;
  if (length == 0 || held < length) return false;
  window.channels.clear();
  for (const auto& buffer : buffers_) window.channels.push_back(std::span(buffer).subspan(begin_, length));
  window.first_sample = first_;
  window.begins = first_ == 0;
  window.complete = received_;
  window.start = end_ == WallTime{} ? WallTime{} : end_ - from_seconds(static_cast<double>(held) / settings_.rate_hz);
  begin_ += std::min(hop, held);
  first_ += std::min(hop, held);
  return true;
}

}  // namespace lineside::gateway
