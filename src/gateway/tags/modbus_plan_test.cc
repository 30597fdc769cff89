#include "gateway/tags/modbus_plan.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace lineside::gateway {
namespace {

using config::ModbusTagSettings;
using Area = ModbusTagSettings::Area;
using Type = ModbusTagSettings::Type;

ModbusTagSettings at(int address, Type type = Type::uint16, Area area = Area::holding, int unit = 1) {
  return {.unit = unit, .area = area, .address = address, .type = type};
}

TEST(ModbusPlan, ReadsNeighboursTogether_WhateverTheirOrder) {
  const std::vector tags{at(12), at(10, Type::float32), at(20), at(21, Type::float64)};
  const auto blocks = plan_blocks(tags, 8, 125);
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0].address, 10);
  EXPECT_EQ(blocks[0].count, 15);
  EXPECT_EQ(blocks[0].tags, (std::vector<std::size_t>{1, 0, 2, 3}));
}

TEST(ModbusPlan, ReadsNoMoreInVainThanAllowed) {
  const std::vector tags{at(0), at(4), at(9)};
  EXPECT_EQ(plan_blocks(tags, 4, 125).size(), 1U);
  EXPECT_EQ(plan_blocks(tags, 3, 125).size(), 2U);
  EXPECT_EQ(plan_blocks(tags, 0, 125).size(), 3U);
}

TEST(ModbusPlan, KeepsUnitsAndAreasApart) {
  const std::vector tags{at(0), at(1, Type::uint16, Area::input), at(1, Type::uint16, Area::holding, 2), at(1)};
  const auto blocks = plan_blocks(tags, 8, 125);
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[0].tags, (std::vector<std::size_t>{0, 3}));
}

TEST(ModbusPlan, KeepsTheLimitsOfARequest) {
  std::vector<ModbusTagSettings> registers, coils;
  for (int i = 0; i < 1000; ++i) registers.push_back(at(i * 2, Type::float32));
  for (int i = 0; i < 5000; ++i) coils.push_back(at(i, Type::uint16, Area::coil));
  std::size_t seen = 0;
  for (const auto& block : plan_blocks(registers, 8, 125)) {
    EXPECT_LE(block.count, 125);
    seen += block.tags.size();
  }
  EXPECT_EQ(seen, 1000U);
  for (const auto& block : plan_blocks(coils, 8, 125)) EXPECT_LE(block.count, 2000);
  for (const auto& block : plan_blocks(registers, 8, 4)) EXPECT_LE(block.count, 4);
}

TEST(ModbusPlan, NarrowsDownToOneAddress) {
  const std::vector tags{at(0), at(2), at(2), at(8)};
  const auto whole = plan_blocks(tags, 8, 125).at(0);
  const auto halves = split(whole, tags);
  ASSERT_TRUE(halves);
  EXPECT_EQ(halves->first.count + halves->second.count, 1 + 7) << "without the gap at the cut";
  EXPECT_EQ(halves->first.tags.size() + halves->second.tags.size(), 4U);
  const auto again = split(halves->second, tags);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->first.tags, (std::vector<std::size_t>{1, 2}));
  EXPECT_FALSE(split(again->first, tags)) << "two tags of one address can't be told apart";
  EXPECT_FALSE(split(again->second, tags));
}

TEST(ModbusDecode, ReadsEachType) {
  using Words = std::vector<std::uint16_t>;
  EXPECT_EQ(decode_registers(Words{0xFFFF}, at(0)), 65'535);
  EXPECT_EQ(decode_registers(Words{0xFFFE}, at(0, Type::int16)), -2);
  EXPECT_EQ(decode_registers(Words{0x0001, 0x0002}, at(0, Type::uint32)), 65'538);
  EXPECT_EQ(decode_registers(Words{0xFFFF, 0xFFFD}, at(0, Type::int32)), -3);
  EXPECT_EQ(decode_registers(Words{0, 0, 1, 0}, at(0, Type::uint64)), 65'536);
  EXPECT_EQ(decode_registers(Words{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, at(0, Type::int64)), -1);
  EXPECT_EQ(decode_registers(Words{0x42F6, 0xE979}, at(0, Type::float32)), std::bit_cast<float>(0x42F6E979U));
  EXPECT_EQ(decode_registers(Words{0x4028, 0x8000, 0, 0}, at(0, Type::float64)), 12.25);
  EXPECT_TRUE(std::isnan(decode_registers(Words{0x7FC0, 0}, at(0, Type::float32))));
}

TEST(ModbusDecode, TakesWordsAndBytesInTheirOrder) {
  auto tag = at(0, Type::float32);
  tag.swap_words = true;
  EXPECT_EQ(decode_registers(std::vector<std::uint16_t>{0x8000, 0x4148}, tag), 12.53125F);
  tag.swap_bytes = true;
  EXPECT_EQ(decode_registers(std::vector<std::uint16_t>{0x0080, 0x4841}, tag), 12.53125F);
  auto bit = at(0);
  bit.bit = 3;
  EXPECT_EQ(decode_registers(std::vector<std::uint16_t>{0x0008}, bit), 1);
  EXPECT_EQ(decode_registers(std::vector<std::uint16_t>{0xFFF7}, bit), 0);
}

}  // namespace
}  // namespace lineside::gateway
