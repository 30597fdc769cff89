#pragma once
// The table of grants, what must fit together in them, and what the place of a tag can hold.
#include "base/clock.h"
#include "base/result.h"
#include "config/checks.h"
#include "config/grant_settings.h"
#include "config/table.h"
#include "config/tag_settings.h"

namespace lineside::config {

Table<GrantSettings> grant_table();
void check_grants(const GatewaySettings& settings, Findings& findings);

// Why nothing can be written into the place where this tag is; empty: it can.
std::string why_not_writable(const TagSettings& tag, TagSourceSettings::Kind kind);

// What a writable place has to hold for its tag to be `value`: before scale and offset; whole where it holds whole
// numbers. Errors: config_invalid (beyond what the type holds, or between two of its steps). What an OPC UA node holds
// is known to its server only.
Result<double> raw_of(const TagSettings& tag, TagSourceSettings::Kind kind, double value);

// Whether writing one of them changes what the other reads: two tags of one register.
bool same_place(const TagSettings& a, const TagSettings& b, TagSourceSettings::Kind kind);

// Never, where the text is no time: settings that were loaded have one.
WallTime expires_at(const GrantSettings& grant);

}  // namespace lineside::config
