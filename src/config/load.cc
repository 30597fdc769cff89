#include "config/load.h"

#include <algorithm>
#include <format>

#include "base/file.h"
#include "config/checks.h"
#include "config/schema.h"
#include "config/tag_schema.h"

namespace lineside::config {
namespace {

constexpr std::size_t kFileBytesMax = 32u << 20;  // some 100,000 tags

template <class T>
Result<T> load(const std::filesystem::path& path, const Schema& schema, void (*check)(const T&, Findings&),
               NamedFiles files) {
  LINESIDE_ASSIGN(const std::string yaml, read_text(path, kFileBytesMax));
  T settings;
  Findings findings(path, files);
  read_yaml(yaml, schema, &settings, findings);
  check(settings, findings);
  if (!findings.empty())
    return fail(ErrorCode::config_invalid, std::format("{} has {} mistake{}:{}", path.string(), findings.count(),
                                                       findings.count() == 1 ? "" : "s", findings.text()));
  return settings;
}

Result<GatewaySettings> load_gateway(const std::filesystem::path& path, NamedFiles files) {
  LINESIDE_ASSIGN(GatewaySettings settings, load<GatewaySettings>(path, gateway_schema(), check_gateway, files));
  set_usual_silences(settings.telemetry);
  return settings;
}

Result<HubSettings> load_hub(const std::filesystem::path& path, NamedFiles files) {
  return load<HubSettings>(path, hub_schema(), check_hub, files);
}

Result<PlantSettings> load_plant(const std::filesystem::path& path, NamedFiles files) {
  return load<PlantSettings>(path, plant_schema(), check_plant, files);
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
  return load_gateway(path, NamedFiles::needed_by_all);
}

Result<HubSettings> load_hub_settings(const std::filesystem::path& path) { return load_hub(path, NamedFiles::here); }

Result<PlantSettings> load_plant_settings(const std::filesystem::path& path) {
  return load_plant(path, NamedFiles::here);
}

Result<std::string> check_settings_file(const std::filesystem::path& path, NamedFiles files) {
  LINESIDE_ASSIGN(const std::string yaml, read_text(path, kFileBytesMax));
  const auto keys = top_keys(yaml);
  const std::size_t gateway = known_keys(keys, gateway_schema()), hub = known_keys(keys, hub_schema()),
                    plant = known_keys(keys, plant_schema());
  if (plant > gateway && plant > hub) return name_if_loaded(load_plant(path, files), "plant");
  if (hub > gateway) return name_if_loaded(load_hub(path, files), "hub");
  return name_if_loaded(load_gateway(path, files), "gateway");
}

}  // namespace lineside::config
