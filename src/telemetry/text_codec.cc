#include "telemetry/text_codec.h"

#include <algorithm>

namespace lineside::telemetry {
namespace {

// What the letters' model has read before anything else. Part of the format: never to be changed.
constexpr std::string_view kPrimer =
    "time\ntimestamp\ndatetime\ndate\nvalue\nTemperature\nThermocouple\nPressure\nCurrent\nVoltage\nVolume Flow "
    "RateRMS\n"
    "Accelerometer1RMS\nAccelerometer2RMS\nanomaly\nchangepoint\ntemperature\npressure\nflow_rate\nhumidity\nspeed_"
    "rpm\n"
    "vibration_x\nvibration_y\nvibration_z\nvelocity\nacceleration\npower_kw\nenergy\nfrequency_hz\ntorque\nlevel\n"
    "position\nvalve\nstatus\nstate\nquality\npump_1\npump_2\nmotor_current\nsensor_01\nsensor_02\ntag_1\ntag_2\nFlow\n"
    "Level\nPower\nSpeed\nVibration\nsetpoint\nsupply temperature\nreturn temperature\noil temperature\ncondenser\n"
    "chiller\ncompressor\ninlet\noutlet\nambient\nmachine\nelapsed\nindex\nBad\nBad Input\nNaN\nnan\nnull\nNone\nTrue\n"
    "False\ntrue\nfalse\nGood\nUncertain\nOn\nOff\n0.0\n1.0\n0\n1\n0.1234567890\n-9.87654321\n2020-01-31 12:34:56\n";

constexpr std::uint32_t kEnd = 256;  // node of the question whether the text ends

}  // namespace

TextModel::TextModel(const TextLimits& limits) : bytes_max_(limits.bytes), slots_(limits.slots) {
  for (auto& counters : counters_) counters.resize(slots_);
  BitCost nowhere;
  BitWriter<BitCost> bits(nowhere);
  for (std::string_view rest = kPrimer; !rest.empty();) {
    const std::size_t line = rest.find('\n');
    code(bits, rest.substr(0, line));
    rest.remove_prefix(line + 1);
  }
}

template <class Bits>
bool TextModel::code_bit(Bits& bits, std::uint32_t node, bool wanted) {
  Mixer::Inputs inputs;
  for (std::uint32_t order = 0; order < 4; ++order) {
    const std::uint32_t context = letters_ & ((1U << (8 * order)) - 1);
    const std::uint32_t hash = (context * 0x9e3779b1U + order) * 0x85ebca6bU + node * 0xc2b2ae35U;
    inputs[order] = &counters_[order][(hash ^ hash >> 15) & (slots_ - 1)];
  }
  return bits.mixed(mixers_[node == kEnd ? 8 : static_cast<std::size_t>(std::bit_width(node) - 1)], inputs, wanted);
}

template <class Bits>
std::string TextModel::code(Bits& bits, std::string_view wanted) {
  std::string found;
  letters_ = '\n';
  wanted = wanted.substr(0, bytes_max_);
  for (std::size_t i = 0; i < bytes_max_; ++i) {
    if (code_bit(bits, kEnd, i >= wanted.size()) || bits.beyond_end()) break;
    const auto letter = i < wanted.size() ? static_cast<std::uint8_t>(wanted[i]) : std::uint8_t{0};
    std::uint32_t node = 1;
    for (int bit = 7; bit >= 0; --bit) node = node << 1 | (code_bit(bits, node, ((letter >> bit) & 1) != 0) ? 1U : 0U);
    letters_ = letters_ << 8 | (node & 0xff);
    if constexpr (Bits::kReads) found.push_back(static_cast<char>(node & 0xff));
  }
  if constexpr (!Bits::kReads) found = wanted;
  return found;
}

TextCodec::TextCodec(const TextLimits& limits)
    : recent_max_(limits.recent), recent_(limits.known.begin(), limits.known.end()) {}

template <class Bits>
std::string_view TextCodec::code(Bits& bits, std::optional<TextModel>& model, const TextLimits& limits,
                                 std::string_view wanted) {
  const bool begun = !recent_.empty();
  if (!begun) recent_.reserve(4);
  const auto run =
      static_cast<std::size_t>(std::min(run_ < 8 ? run_ : 5 + std::bit_width(static_cast<unsigned>(run_)), 23));
  const bool same =
      begun &&
      bits.mixed(mixer_, {&same_by_history_[history_ & 15], &same_by_run_[run], &same_seldom_[history_ & 3], &same_},
                 wanted == recent_.front());
  run_ = same ? std::min(run_ + 1, 1 << 20) : 0;
  history_ = history_ << 1 | (same ? 0U : 1U);
  if (same) return recent_.front();
  const auto place = std::ranges::find(recent_, wanted);
  if (begun && bits.counted(known_, place != recent_.end())) {
    std::size_t rank = static_cast<std::size_t>(place - recent_.begin());
    rank = bits.counted(second_, rank == 1) ? 1 : code_number(bits, rank_, rank - 2) + 2;
    rank = std::min(rank, recent_.size() - 1);
    std::rotate(recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(rank),
                recent_.begin() + static_cast<std::ptrdiff_t>(rank) + 1);
    return recent_.front();
  }
  if (!model) model.emplace(limits);
  if (recent_.size() == recent_max_) recent_.pop_back();
  recent_.insert(recent_.begin(), model->code(bits, wanted));
  return recent_.front();
}

using Encoding = BitWriter<BitEncoder>;
template std::string TextModel::code(Encoding&, std::string_view);
template std::string TextModel::code(BitReader&, std::string_view);
template std::string_view TextCodec::code(Encoding&, std::optional<TextModel>&, const TextLimits&, std::string_view);
template std::string_view TextCodec::code(BitReader&, std::optional<TextModel>&, const TextLimits&, std::string_view);

}  // namespace lineside::telemetry
