#include "condition/asset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "base/test_folder.h"
#include "condition/trend.h"

namespace lineside::condition {
namespace {

using testing::HasSubstr;

Result<Asset> read(const std::string& yaml) {
  const TestFolder folder;
  EXPECT_TRUE(write_atomically(folder.path() / "asset.yaml", yaml));
  return read_asset(folder.path() / "asset.yaml");
}

TEST(Bearing, OrdersOfA6205_AreThoseOfTheCatalogue) {
  const auto orders = bearing_orders("6205", {9, 7.94, 39.04, 0});
  ASSERT_TRUE(orders);
  EXPECT_NEAR(orders->outer, 3.585, 0.002);
  EXPECT_NEAR(orders->inner, 5.415, 0.002);
  EXPECT_NEAR(orders->ball, 2.357, 0.002);
  EXPECT_NEAR(orders->cage, 0.398, 0.001);
}

TEST(Bearing, GeometryThatCantBe_IsRefused) {
  EXPECT_FALSE(bearing_orders("x", {9, 40, 39, 0}));
  EXPECT_FALSE(bearing_orders("x", {30, 7.94, 39.04, 0})) << "they don't fit on the circle";
  EXPECT_FALSE(bearing_orders("x", {9, 7.94, 39.04, 90}));
  EXPECT_FALSE(bearing_orders("x", {2, 7.94, 39.04, 0}));
}

TEST(AssetFile, IsRead) {
  const auto asset = read(
      "name: pump 4\nspeed_rpm: 1480\nunit: g\niso_group: 2\nfoundation: rigid\ngear_teeth: [23, 41]\n"
      "bearings:\n  - {name: DE, balls: 9, ball_mm: 7.94, pitch_mm: 39.04}\n"
      "  - {outer_order: 3.05, inner_order: 4.95, ball_order: 1.99}\n");
  ASSERT_TRUE(asset) << asset.error().message;
  EXPECT_NEAR(asset->speed_hz, 24.667, 0.001);
  EXPECT_EQ(asset->gear_teeth, (std::vector<int>{23, 41}));
  ASSERT_EQ(asset->bearings.size(), 2U);
  EXPECT_EQ(asset->bearings[0].name, "DE");
  EXPECT_EQ(asset->bearings[1].inner, 4.95);
  EXPECT_NEAR(asset->mm_s2_per_unit, 9806.65, 1e-6);
}

TEST(AssetFile, EveryMistake_IsListedWithItsLine) {
  const auto asset =
      read("speed_rpm: fast\nteeth: 3\nbearings:\n  - {balls: 30, ball_mm: 7.94, pitch_mm: 39.04}\n  - {name: x}\n");
  ASSERT_FALSE(asset);
  EXPECT_EQ(asset.error().code, ErrorCode::config_invalid);
  for (const char* part :
       {"line 1: speed_rpm", "line 2: teeth", "line 4: bearings[0]", "don't fit", "line 5: bearings[1]"})
    EXPECT_THAT(asset.error().message, HasSubstr(part));
  EXPECT_FALSE(read("[1, 2]"));
  EXPECT_FALSE(read("a: [")) << "no YAML";
}

TEST(IsoZone, IsThatOfGroupAndFoundation) {
  const Asset rigid{.iso_group = 2}, flexible{.iso_group = 1, .flexible = true};
  EXPECT_EQ(iso_zone(rigid, 1.0), 'A');
  EXPECT_EQ(iso_zone(rigid, 3.0), 'C');
  EXPECT_EQ(iso_zone(flexible, 3.0), 'A');
  EXPECT_EQ(iso_zone(flexible, 12), 'D');
  EXPECT_EQ(iso_zone(Asset{}, 12), '-');
  EXPECT_EQ(iso_zone_end(rigid, 'B'), 2.8);
  EXPECT_EQ(iso_zone_end(rigid, 'D'), 0);
}

TEST(Trend, SaysWhenTheNextZoneBegins_AndNothingWithoutGrowth) {
  const Asset asset{.iso_group = 2};
  Trend rising, level;
  for (int day = 0; day < 30; ++day) {
    const double scatter = day % 3 == 0 ? 1.02 : 0.99;
    rising.add(86'400.0 * day, 1.5 * std::exp(0.01 * day) * scatter);
    level.add(86'400.0 * day, 1.5 * scatter);
  }
  const auto forecast = rising.forecast(asset);
  ASSERT_TRUE(forecast);
  EXPECT_EQ(forecast->zone, 'B');
  EXPECT_EQ(forecast->next, 'C');
  EXPECT_NEAR(forecast->percent_per_day, 1.0, 0.2);
  EXPECT_NEAR(forecast->days, std::log(2.8 / 1.5) / 0.01 - 29, 6);
  EXPECT_LT(forecast->days_low, forecast->days);
  EXPECT_GT(forecast->days_high, forecast->days);
  EXPECT_FALSE(level.forecast(asset));
  EXPECT_FALSE(rising.forecast({}));
}

TEST(Trend, KeepsOfALongTimeAThinnedPart) {
  const Asset asset{.iso_group = 2};
  Trend trend;
  for (int hour = 0; hour < 10'000; ++hour) trend.add(3600.0 * hour, 0.5 * std::exp(0.00005 * hour));
  const auto forecast = trend.forecast(asset);
  ASSERT_TRUE(forecast);
  EXPECT_NEAR(forecast->days, (std::log(1.4 / 0.5) / 0.00005 - 10'000) / 24, 5);
}

}  // namespace
}  // namespace lineside::condition
