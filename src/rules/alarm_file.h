#pragma once
// What outlives a restart of a gateway: the state of its rules' alarms, in FOLDER/alarms.json, and what people
// acknowledged that the gateway has not seen yet, one small file FOLDER/acknowledge/RULE for each. Whoever may write
// into the folder may acknowledge.
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "rules/engine.h"

namespace lineside::rules {

inline constexpr std::size_t kNameOfPersonBytesMax = 64;

// Where these files are, below a gateway's data_dir.
std::filesystem::path alarm_folder(const std::filesystem::path& data_dir);

// Makes the folder, for its owner and group only. Errors: file_io.
Result<void> make_alarm_folder(const std::filesystem::path& folder);

// The alarms that were there; none where there is no such file yet. Errors: file_format (damaged), file_io.
Result<std::vector<RuleStatus>> read_alarms(const std::filesystem::path& folder);
// Keeps those of `alarms` that are not normal, or that were told to be unknown; the old content or the new one is there
// after a power cut. Errors: disk_full, file_io.
Result<void> write_alarms(const std::filesystem::path& folder, std::span<const RuleStatus> alarms);

struct Acknowledgement {
  std::string rule, by;
};
// Errors: usage (no name of a rule or person: 1 to kNameOfPersonBytesMax printable bytes), disk_full, file_io,
// file_not_found (no gateway has rules here).
Result<void> leave_acknowledgement(const std::filesystem::path& folder, const Acknowledgement& of);
// Those that wait, and takes them away; at most kRulesMax at a time. What is no acknowledgement is taken away unseen.
std::vector<Acknowledgement> take_acknowledgements(const std::filesystem::path& folder);

}  // namespace lineside::rules
