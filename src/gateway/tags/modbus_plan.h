#pragma once
// Which registers are read together, and what they say (MODBUS Application Protocol V1.1b3, functions 1 to 4).
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "config/tag_settings.h"

namespace lineside::gateway {

// Read by one request: neighbours of one area of one unit.
struct ModbusBlock {
  int unit = 0;
  config::ModbusTagSettings::Area area{};
  int address = 0, count = 0;     // registers, or bits of coils and discrete inputs
  std::vector<std::size_t> tags;  // places in `tags` below, by address
};

bool is_bits(config::ModbusTagSettings::Area area);

// As few blocks as the limits allow, by unit, area and address. Between two tags of a block at most `gap_max` registers
// are read in vain; a block has at most `registers_max` (of bits: 16 times as many of both).
std::vector<ModbusBlock> plan_blocks(std::span<const config::ModbusTagSettings> tags, int gap_max, int registers_max);
// Into two halves, so that what a device refuses is found. Nothing: it is one tag, or tags of one address.
std::optional<std::pair<ModbusBlock, ModbusBlock>> split(const ModbusBlock& block,
                                                         std::span<const config::ModbusTagSettings> tags);
// `words`: registers_of(tag.type) registers as they came. Not a number where they hold none.
double decode_registers(std::span<const std::uint16_t> words, const config::ModbusTagSettings& tag);
// What has to be written for decode_registers() to give `raw`, which config::raw_of() gave. Of a coil: 0 or 1.
std::vector<std::uint16_t> encode_registers(double raw, const config::ModbusTagSettings& tag);

}  // namespace lineside::gateway
