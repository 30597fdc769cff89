#include <algorithm>
#include <charconv>
#include <cmath>
#include <format>
#include <limits>
#include <system_error>

#include "base/file.h"
#include "condition/inflate.h"
#include "condition/recording.h"

namespace lineside::condition {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 30;

bool natural_less(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    std::uint64_t left = 0, right = 0;
    const auto end_a = std::from_chars(a.data() + i, a.data() + a.size(), left).ptr;
    const auto end_b = std::from_chars(b.data() + j, b.data() + b.size(), right).ptr;
    if (left != right) return left < right;
    i = static_cast<std::size_t>(end_a - a.data()), j = static_cast<std::size_t>(end_b - b.data());
  }
  return a.size() - i < b.size() - j;
}

std::string lower_name(const fs::path& path) {
  std::string name = path.filename().string();
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

bool is_known(const fs::path& path) {
  static constexpr std::string_view kEndings[] = {".csv", ".csv.gz", ".txt", ".tsv", ".wav", ".npy", ".npz", ".mat"};
  const std::string name = lower_name(path);
  return std::ranges::any_of(kEndings, [&](std::string_view ending) { return name.ends_with(ending); });
}

// "2003.10.22.12.06.24": named by when it was taken, as loggers do.
bool is_dated(const fs::path& path) {
  const std::string ending = path.extension().string();
  return ending.size() > 1 &&
         std::all_of(ending.begin() + 1, ending.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<Recording> parse(std::span<const std::uint8_t> bytes, const std::string& lower, const std::string& name,
                        const ReadOptions& options) {
  if (lower.ends_with(".wav")) return parse_wav(bytes, name);
  if (lower.ends_with(".npy")) return parse_npy(bytes, name);
  if (lower.ends_with(".npz")) return parse_npz(bytes, name);
  if (lower.ends_with(".mat")) return parse_mat(bytes, name);
  return parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, name, options);
}

}  // namespace

Result<std::vector<fs::path>> list_inputs(std::span<const std::string> inputs) {
  std::vector<fs::path> files;
  for (const std::string& input : inputs) {
    std::error_code error;
    if (!fs::exists(input, error)) return fail(ErrorCode::file_not_found, std::format("there is no {}", input));
    if (!fs::is_directory(input, error)) {
      files.emplace_back(input);
      continue;
    }
    std::vector<std::string> found, dated;
    for (auto at = fs::recursive_directory_iterator(input, fs::directory_options::skip_permission_denied, error);
         !error && at != fs::recursive_directory_iterator(); at.increment(error))
      if (at->is_regular_file(error) && (is_known(at->path()) || is_dated(at->path())))
        (is_known(at->path()) ? found : dated).push_back(at->path().string());
    if (found.empty()) found = std::move(dated);
    if (found.empty())
      return fail(
          ErrorCode::dataset_invalid,
          std::format("{} has no file that ends in .csv, .csv.gz, .txt, .tsv, .wav, .npy, .npz or .mat", input));
    std::ranges::sort(found, natural_less);
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

std::vector<std::string> column_list(std::span<const std::string> words) {
  std::vector<std::string> columns;
  for (std::string_view rest : words)
    while (!rest.empty()) {
      const std::size_t end = rest.find(',');
      if (end != 0) columns.emplace_back(rest.substr(0, end));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  return columns;
}

bool contradicts_rate(const Recording& recording, double rate_hz) {
  constexpr double kTolerance = 0.02;
  const double stated = recording.stated_rate_hz;
  const bool counts_samples = !recording.times_s.empty() && std::abs(stated - 1) < 1e-6;
  if (stated <= 0 || counts_samples) return false;
  const auto fits = [&](double factor) { return std::abs(stated * factor / rate_hz - 1) <= kTolerance; };
  if (recording.times_s.empty()) return !fits(1);
  return !fits(1) && !fits(1e3) && !fits(1e6) && !fits(1e9);
}

Result<Recording> select_channels(Recording recording, std::span<const std::string> columns) {
  if (columns.empty()) return recording;
  Recording chosen;
  chosen.file = recording.file;
  chosen.stated_rate_hz = recording.stated_rate_hz;
  chosen.times_s = std::move(recording.times_s);
  for (const std::string& wanted : columns) {
    const auto by_name = std::ranges::find(recording.names, wanted);
    std::size_t index = static_cast<std::size_t>(by_name - recording.names.begin());
    if (by_name == recording.names.end()) {
      std::size_t position = 0;
      const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), position);
      const bool is_number = error == std::errc{} && end == wanted.data() + wanted.size();
      if (is_number && (position < 1 || position > recording.channels.size()))
        return fail(ErrorCode::file_format,
                    std::format("{} has no channel {}: it has {}", recording.file, wanted, recording.channels.size()));
      index = is_number ? position - 1 : recording.channels.size();
    }
    chosen.names.push_back(wanted);
    if (index < recording.channels.size())
      chosen.channels.push_back(recording.channels[index]);
    else
      chosen.channels.emplace_back(recording.samples(), std::numeric_limits<float>::quiet_NaN());
  }
  return chosen;
}

Result<Recording> read_recording(const fs::path& file, const ReadOptions& options) {
  LINESIDE_ASSIGN(auto bytes, read_bytes(file, kFileBytesMax));
  const std::string name = file.string();
  std::string lower = lower_name(file);
  const bool named_packed = lower.ends_with(".gz"),
             is_packed = bytes.size() > 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
  if (named_packed || is_packed) {
    LINESIDE_ASSIGN(bytes, inflate(bytes, Packing::zlib_or_gzip, kFileBytesMax, name));
  }
  if (named_packed) lower.resize(lower.size() - 3);
  LINESIDE_ASSIGN(auto recording, parse(bytes, lower, name, options));
  const bool is_binary =
      lower.ends_with(".wav") || lower.ends_with(".npy") || lower.ends_with(".npz") || lower.ends_with(".mat");
  if (is_binary) return select_channels(std::move(recording), options.columns);
  return recording;
}

}  // namespace lineside::condition
