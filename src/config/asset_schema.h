#pragma once
// The tables of the settings in asset_settings.h, and what must fit together in them.
#include "config/asset_settings.h"
#include "config/checks.h"
#include "config/table.h"
#include "config/tag_settings.h"

namespace lineside::config {

Table<WaveformSourceSettings> waveform_source_table();
Table<AssetSettings> asset_table();

// Reads the file that a bundle's path names if `findings` asks for it.
void check_assets(const std::vector<WaveformSourceSettings>& sources, const std::vector<AssetSettings>& assets,
                  const std::vector<TagSettings>& tags, Findings& findings);

}  // namespace lineside::config
