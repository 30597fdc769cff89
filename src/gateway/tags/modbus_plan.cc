#include "gateway/tags/modbus_plan.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

namespace lineside::gateway {
namespace {

using config::ModbusTagSettings;
using Area = ModbusTagSettings::Area;
using Type = ModbusTagSettings::Type;

constexpr int kBitsOfRegister = 16;

int width_of(const ModbusTagSettings& tag) { return is_bits(tag.area) ? 1 : config::registers_of(tag.type); }

// `sorted`: places of tags of one unit and area, by address.
ModbusBlock block_of(std::span<const std::size_t> sorted, std::span<const ModbusTagSettings> tags) {
  const ModbusTagSettings& first = tags[sorted.front()];
  ModbusBlock block{.unit = first.unit, .area = first.area, .address = first.address};
  block.tags.assign(sorted.begin(), sorted.end());
  for (const std::size_t i : sorted)
    block.count = std::max(block.count, tags[i].address + width_of(tags[i]) - first.address);
  return block;
}

}  // namespace

bool is_bits(Area area) { return area == Area::coil || area == Area::discrete; }

std::vector<ModbusBlock> plan_blocks(std::span<const ModbusTagSettings> tags, int gap_max, int registers_max) {
  std::vector<std::size_t> sorted(tags.size());
  std::iota(sorted.begin(), sorted.end(), 0U);
  std::ranges::stable_sort(sorted, {},
                           [&](std::size_t i) { return std::tuple(tags[i].unit, tags[i].area, tags[i].address); });
  std::vector<ModbusBlock> blocks;
  for (std::size_t begin = 0; begin < sorted.size();) {
    const ModbusTagSettings& first = tags[sorted[begin]];
    const int scale = is_bits(first.area) ? kBitsOfRegister : 1;
    int end_address = first.address + width_of(first);
    std::size_t end = begin + 1;
    for (; end < sorted.size(); ++end) {
      const ModbusTagSettings& tag = tags[sorted[end]];
      const int reached = std::max(end_address, tag.address + width_of(tag));
      if (tag.unit != first.unit || tag.area != first.area || tag.address > end_address + gap_max * scale ||
          reached - first.address > registers_max * scale)
        break;
      end_address = reached;
    }
    blocks.push_back(block_of(std::span(sorted).subspan(begin, end - begin), tags));
    begin = end;
  }
  return blocks;
}

std::optional<std::pair<ModbusBlock, ModbusBlock>> split(const ModbusBlock& block,
                                                         std::span<const ModbusTagSettings> tags) {
  const std::span<const std::size_t> sorted(block.tags);
  const auto new_address = [&](std::size_t at) {
    return at > 0 && at < sorted.size() && tags[sorted[at]].address != tags[sorted[at - 1]].address;
  };
  for (std::size_t half = sorted.size() / 2, off = 0; off <= half; ++off)
    for (const std::size_t at : {half - off, half + off})
      if (new_address(at)) return std::pair(block_of(sorted.first(at), tags), block_of(sorted.subspan(at), tags));
  return std::nullopt;
}

double decode_registers(std::span<const std::uint16_t> words, const ModbusTagSettings& tag) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::uint16_t word = words[tag.swap_words ? words.size() - 1 - i : i];
    bits = bits << 16U | (tag.swap_bytes ? std::byteswap(word) : word);
  }
  if (tag.bit >= 0) return static_cast<double>(bits >> static_cast<unsigned>(tag.bit) & 1U);
  switch (tag.type) {
    case Type::uint16:
    case Type::uint32:
    case Type::uint64:
      return static_cast<double>(bits);
    case Type::int16:
      return static_cast<std::int16_t>(bits);
    case Type::int32:
      return static_cast<std::int32_t>(bits);
    case Type::int64:
      return static_cast<double>(static_cast<std::int64_t>(bits));
    case Type::float32:
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    case Type::float64:
      return std::bit_cast<double>(bits);
  }
  return 0;
}

std::vector<std::uint16_t> encode_registers(double raw, const ModbusTagSettings& tag) {
  if (is_bits(tag.area)) return {static_cast<std::uint16_t>(raw != 0)};
  std::uint64_t bits = 0;
  switch (tag.type) {
    case Type::uint16:
    case Type::uint32:
    case Type::uint64:
      bits = static_cast<std::uint64_t>(raw);
      break;
    case Type::int16:
    case Type::int32:
    case Type::int64:
      bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(raw));
      break;
    case Type::float32:
      bits = std::bit_cast<std::uint32_t>(static_cast<float>(raw));
      break;
    case Type::float64:
      bits = std::bit_cast<std::uint64_t>(raw);
      break;
  }
  std::vector<std::uint16_t> words(static_cast<std::size_t>(config::registers_of(tag.type)));
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto word = static_cast<std::uint16_t>(bits >> (kBitsOfRegister * (words.size() - 1 - i)));
    words[tag.swap_words ? words.size() - 1 - i : i] = tag.swap_bytes ? std::byteswap(word) : word;
  }
  return words;
}

}  // namespace lineside::gateway
