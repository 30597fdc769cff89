#include "config/load.h"

#include <algorithm>
#include <format>

#include "base/file.h"
#include "config/checks.h"
#include "config/schema.h"

namespace lineside::config {
namespace {

constexpr std::size_t kFileBytesMax = 4u << 20;

template <class T>
Result<T> load(const std::filesystem::path& path, const Schema& schema, void (*check)(const T&, Findings&)) {
  LINESIDE_ASSIGN(const std::string yaml, read_text(path, kFileBytesMax));
  T settings;
  Findings findings(path);
  read_yaml(yaml, schema, &settings, findings);
  check(settings, findings);
  if (!findings.empty())
    return fail(ErrorCode::config_invalid, std::format("{} has {} mistake{}:{}", path.string(), findings.count(),
                                                       findings.count() == 1 ? "" : "s", findings.text()));
  return settings;
}

std::size_t known_keys(const std::vector<std::string>& keys, const Schema& schema) {
  return static_cast<std::size_t>(std::ranges::count_if(
      keys, [&](const std::string& key) { return std::ranges::contains(schema.fields, key, &Field::key); }));
}

template <class T>
Result<std::string> name_if_loaded(const Result<T>& loaded, std::string name) {
  if (!loaded) return std::unexpected(loaded.error());
  return name;
}

}  // namespace

Result<GatewaySettings> load_gateway_settings(const std::filesystem::path& path) {
  return load<GatewaySettings>(path, gateway_schema(), check_gateway);
}

Result<HubSettings> load_hub_settings(const std::filesystem::path& path) {
  return load<HubSettings>(path, hub_schema(), check_hub);
}

Result<PlantSettings> load_plant_settings(const std::filesystem::path& path) {
  return load<PlantSettings>(path, plant_schema(), check_plant);
}

Result<std::string> check_settings_file(const std::filesystem::path& path) {
  LINESIDE_ASSIGN(const std::string yaml, read_text(path, kFileBytesMax));
  const auto keys = top_keys(yaml);
  const std::size_t gateway = known_keys(keys, gateway_schema()), hub = known_keys(keys, hub_schema()),
                    plant = known_keys(keys, plant_schema());
  if (plant > gateway && plant > hub) return name_if_loaded(load_plant_settings(path), "plant");
  if (hub > gateway) return name_if_loaded(load_hub_settings(path), "hub");
  return name_if_loaded(load_gateway_settings(path), "gateway");
}

}  // namespace lineside::config
