#pragma once
// Reads a program's settings from YAML. Every mistake in the file is found in one pass and listed in the error's
// message (code config_invalid), one line each: "gateway.yaml:12: stations[0].deadline_ms: 0 is below 1 ms". The rules:
//   - A key says its unit at its end (deadline_ms, bytes_max, rate_hz); its value is a plain number. "80 ms" is an
//   error.
//   - A relative path is relative to the folder of the file that names it, and comes out joined with that folder.
//   - Unknown and repeated keys are errors; keys left out have the default that the reference page names.
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "config/gateway_settings.h"
#include "config/hub_settings.h"
#include "config/plant_settings.h"

namespace lineside::config {

// Errors: config_invalid, file_not_found, file_io. A gateway's settings are taken although a file that only one station
// or the uplink needs (bundle, folder of pictures, certificates) is not there: that one says so when it runs, and the
// others go on. `lineside check` finds it before.
Result<GatewaySettings> load_gateway_settings(const std::filesystem::path& path);
Result<HubSettings> load_hub_settings(const std::filesystem::path& path);
Result<PlantSettings> load_plant_settings(const std::filesystem::path& path);

// What `lineside check` does: finds out by its keys whose settings the file holds ("gateway", "hub" or "plant"), checks
// them as the program itself would, and gives that name.
// `files`: which of the files it names are looked for: all; those without which nothing runs; none, for settings
// written for another machine.
enum class NamedFiles : std::uint8_t { here, needed_by_all, elsewhere };
Result<std::string> check_settings_file(const std::filesystem::path& path, NamedFiles files = NamedFiles::here);

// The tables as documents, for "gateway", "hub" or "plant"; empty for another name.
std::string json_schema(const std::string& kind);     // JSON Schema 2020-12, for editors
std::string reference_page(const std::string& kind);  // Markdown

}  // namespace lineside::config
