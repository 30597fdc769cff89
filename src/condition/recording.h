#pragma once
// Recordings of a machine's sensors from files: CSV (plain or .gz), WAV, NumPy .npy/.npz, MATLAB .mat (version 5).
// What a file holds is taken as untrusted: sizes are bounded and what can't be read is an error that names the file.
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lineside::condition {

// Channels of one length, one value per sample. A value that was missing or no number is NaN.
struct Recording {
  std::string file;
  double stated_rate_hz = 0;       // what the file itself says (WAV header, steps of a time column); 0: nothing
  std::vector<std::string> names;  // one per channel; "1", "2" ... where the file has none
  std::vector<std::vector<float>> channels;
  std::vector<double> times_s;  // per sample, from a time column; empty: none
  std::size_t samples() const { return channels.empty() ? 0 : channels.front().size(); }
};

struct ReadOptions {
  std::vector<std::string> columns;  // names or numbers from 1 on, in the order wanted; empty: every numeric one
  std::string time_column;           // name or number; empty: found by its name or its content
};

// The files below `inputs` (a folder is walked), each folder's in natural order (2 before 10).
// Errors: file_not_found; dataset_invalid (a folder without a file of a known kind, or that ends in a number: text).
Result<std::vector<std::filesystem::path>> list_inputs(std::span<const std::string> inputs);

// Errors: file_not_found, file_io, limit_reached (over 1 GiB), file_format (not readable as what its name says, or a
// column that was asked for by number is not there). A column asked for by name that is missing becomes a channel of
// NaN: for scoring that is a sensor fault, not a reason to stop.
Result<Recording> read_recording(const std::filesystem::path& file, const ReadOptions& options);

// The formats, from memory; `name` stands for the file in messages.
Result<Recording> parse_csv(std::string_view text, std::string_view name, const ReadOptions& options);
Result<Recording> parse_wav(std::span<const std::uint8_t> bytes, std::string_view name);
Result<Recording> parse_npy(std::span<const std::uint8_t> bytes, std::string_view name);
Result<Recording> parse_npz(std::span<const std::uint8_t> bytes, std::string_view name);
Result<Recording> parse_mat(std::span<const std::uint8_t> bytes, std::string_view name);

// "a,b" and "c" as "a", "b", "c".
std::vector<std::string> column_list(std::span<const std::string> words);

// Whether a recording states a rate that contradicts `rate_hz` by more than 2 %. Time columns may count samples, or
// seconds, milli-, micro- or nanoseconds: only what fits none of them contradicts.
bool contradicts_rate(const Recording& recording, double rate_hz);

// Only the channels asked for, in that order. Errors as read_recording.
Result<Recording> select_channels(Recording recording, std::span<const std::string> columns);

}  // namespace lineside::condition
