#include "condition/asset.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <cmath>
#include <format>
#include <numbers>
#include <optional>
#include <set>

#include "base/file.h"

namespace lineside::condition {
namespace {

constexpr std::size_t kFileBytesMax = 1U << 20;
constexpr double kStandardGravity = 9806.65;

// Borders A/B, B/C, C/D by group and foundation.
std::array<double, 3> borders(const Asset& asset) {
  if (asset.iso_group == 1) return asset.flexible ? std::array{3.5, 7.1, 11.0} : std::array{2.3, 4.5, 7.1};
  return asset.flexible ? std::array{2.3, 4.5, 7.1} : std::array{1.4, 2.8, 4.5};
}

// One map of the file: takes its keys and collects mistakes.
class Keys {
 public:
  Keys(const YAML::Node& node, std::string where, std::string& mistakes)
      : node_(node), where_(std::move(where)), mistakes_(mistakes) {}
  void mistake(const YAML::Node& at, const std::string& text) {
    mistakes_ += std::format("\n  line {}: {}{}", at.Mark().line + 1, where_, text);
  }
  std::optional<double> number(const std::string& key, double low, double high) {
    const YAML::Node value = take(key);
    if (!value) return std::nullopt;
    double result = 0;
    if (!value.IsScalar() || !YAML::convert<double>::decode(value, result) || !(result >= low && result <= high)) {
      mistake(value, std::format("{}: a number from {} to {}", key, low, high));
      return std::nullopt;
    }
    return result;
  }
  std::string text(const std::string& key, const std::set<std::string>& choices) {
    const YAML::Node value = take(key);
    if (!value) return {};
    const std::string result = value.IsScalar() ? value.Scalar() : "";
    if (!choices.empty() && !choices.contains(result)) {
      std::string list;
      for (const std::string& choice : choices) list += (list.empty() ? "" : ", ") + choice;
      mistake(value, std::format("{}: one of {}", key, list));
      return {};
    }
    return result;
  }
  YAML::Node take(const std::string& key) {
    known_.insert(key);
    return node_.IsMap() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
  }
  // After all keys were taken.
  void finish() {
    if (!node_.IsMap()) return mistake(node_, "keys with values are expected");
    for (const auto& item : node_)
      if (!known_.contains(item.first.Scalar()))
        mistake(item.first, std::format("{}: there is no such key", item.first.Scalar()));
  }

 private:
  const YAML::Node node_;
  std::string where_;
  std::string& mistakes_;
  std::set<std::string> known_;
};

void read_bearing(const YAML::Node& node, std::size_t number, Asset& asset, std::string& mistakes) {
  Keys keys(node, std::format("bearings[{}].", number), mistakes);
  std::string name = keys.text("name", {});
  if (name.empty()) name = std::format("bearing {}", number + 1);
  const auto balls = keys.number("balls", 3, 200), ball = keys.number("ball_mm", 0.1, 1000),
             pitch = keys.number("pitch_mm", 1, 10'000), angle = keys.number("contact_degrees", 0, 89);
  BearingOrders orders{.name = name};
  const auto order = [&](const char* key, double& to) {
    if (const auto value = keys.number(key, 0.05, 200)) to = *value;
  };
  order("outer_order", orders.outer), order("inner_order", orders.inner);
  order("ball_order", orders.ball), order("cage_order", orders.cage);
  keys.finish();
  const bool by_geometry = balls || ball || pitch, by_orders = orders.outer + orders.inner + orders.ball > 0;
  if (by_geometry == by_orders)
    return keys.mistake(node, "either balls, ball_mm and pitch_mm, or outer_order, inner_order, ball_order");
  if (by_orders) {
    if (orders.outer > 0 && orders.inner > 0 && orders.outer >= orders.inner)
      keys.mistake(node, "outer_order is always below inner_order");
    asset.bearings.push_back(orders);
    return;
  }
  if (!balls || !ball || !pitch) return keys.mistake(node, "balls, ball_mm and pitch_mm are needed together");
  const auto made = bearing_orders(name, {static_cast<int>(*balls), *ball, *pitch, angle.value_or(0)});
  if (!made) return keys.mistake(node, made.error().message);
  asset.bearings.push_back(*made);
}

Asset asset_from(const YAML::Node& root, std::string& mistakes) {
  Asset asset;
  Keys keys(root, "", mistakes);
  keys.text("name", {});
  if (const auto rpm = keys.number("speed_rpm", 60, 120'000)) asset.speed_hz = *rpm / 60;
  if (const auto hz = keys.number("line_hz", 1, 1000)) asset.line_hz = *hz;
  if (const auto group = keys.number("iso_group", 1, 2)) asset.iso_group = static_cast<int>(*group);
  asset.flexible = keys.text("foundation", {"rigid", "flexible"}) == "flexible";
  const std::string unit = keys.text("unit", {"g", "m/s2", "mm/s2"});
  asset.mm_s2_per_unit = unit == "g" ? kStandardGravity : unit == "m/s2" ? 1000 : unit == "mm/s2" ? 1 : 0;
  if (const YAML::Node teeth = keys.take("gear_teeth"); teeth.IsDefined())
    for (const auto& item : teeth.IsSequence() ? teeth : YAML::Load(std::format("[{}]", teeth.Scalar()))) {
      int count = 0;
      if (YAML::convert<int>::decode(item, count) && count >= 5 && count <= 2000)
        asset.gear_teeth.push_back(count);
      else
        keys.mistake(teeth, "gear_teeth: whole numbers from 5 to 2000");
    }
  if (const YAML::Node bearings = keys.take("bearings"); bearings.IsDefined()) {
    if (!bearings.IsSequence()) keys.mistake(bearings, "bearings: a list");
    for (std::size_t i = 0; bearings.IsSequence() && i < bearings.size(); ++i)
      read_bearing(bearings[i], i, asset, mistakes);
  }
  keys.finish();
  return asset;
}

}  // namespace

Result<BearingOrders> bearing_orders(const std::string& name, const BearingGeometry& g) {
  const double turn = g.contact_degrees * std::numbers::pi / 180;
  const auto refuse = [&](const std::string& why) { return fail(ErrorCode::config_invalid, name + ": " + why); };
  if (g.balls < 3 || g.ball_mm <= 0 || g.pitch_mm <= 0) return refuse("balls and diameters must be positive");
  if (g.ball_mm >= g.pitch_mm) return refuse("a ball is as wide as the circle that the balls run on");
  if (g.contact_degrees < 0 || g.contact_degrees >= 90) return refuse("the contact angle is not below 90 degrees");
  if (g.pitch_mm * std::sin(std::numbers::pi / g.balls) < 0.98 * g.ball_mm)
    return refuse(std::format("{} balls of {} mm don't fit on a circle of {} mm", g.balls, g.ball_mm, g.pitch_mm));
  const double ratio = g.ball_mm / g.pitch_mm * std::cos(turn), n = g.balls;
  return BearingOrders{.name = name,
                       .outer = n / 2 * (1 - ratio),
                       .inner = n / 2 * (1 + ratio),
                       .ball = g.pitch_mm / (2 * g.ball_mm) * (1 - ratio * ratio),
                       .cage = 0.5 * (1 - ratio)};
}

Result<Asset> read_asset(const std::filesystem::path& path) {
  LINESIDE_ASSIGN(const std::string yaml, read_text(path, kFileBytesMax));
  std::string mistakes;
  Asset asset;
  try {
    asset = asset_from(YAML::Load(yaml), mistakes);
  } catch (const YAML::Exception& error) {
    return fail(ErrorCode::config_invalid,
                std::format("{}: line {}: {}", path.string(), error.mark.line + 1, error.msg));
  }
  if (!mistakes.empty())
    return fail(ErrorCode::config_invalid, std::format("{} has mistakes:{}", path.string(), mistakes));
  return asset;
}

char iso_zone(const Asset& asset, double velocity_mm_s) {
  if (asset.iso_group == 0) return '-';
  char zone = 'A';
  for (const double border : borders(asset)) zone = static_cast<char>(zone + (velocity_mm_s > border ? 1 : 0));
  return zone;
}

double iso_zone_end(const Asset& asset, char zone) {
  return zone >= 'A' && zone <= 'C' && asset.iso_group != 0 ? borders(asset)[static_cast<std::size_t>(zone - 'A')] : 0;
}

}  // namespace lineside::condition
