#include <chrono>
#include <cstdio>
#include <format>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "telemetry/filter.h"
#include "toolbox/commands.h"
#include "toolbox/recording.h"

namespace lineside::toolbox {
namespace {

constexpr std::size_t kInputBytesMax = std::size_t{4} << 30;

struct FilterCommand {
  fs::path input, span_from, out, report;
  std::string max_error = "1%", time_column;
};

struct RebuildCommand {
  fs::path segments, out;
};

nlohmann::ordered_json report_of(const telemetry::Filtered& filtered, double seconds) {
  nlohmann::ordered_json report{{"samples", filtered.samples},
                                {"bytes_in_float32", 4 * filtered.samples},
                                {"bytes_in_json", filtered.bytes_in_json},
                                {"bytes_out", filtered.bytes.size()},
                                {"seconds", seconds}};
  auto& columns = report["columns"] = nlohmann::ordered_json::array();
  for (const auto& column : filtered.columns)
    columns.push_back({{"name", column.name},
                       {"samples", column.samples},
                       {"bound", column.bound},
                       {"max_error", column.max_error},
                       {"max_error_ratio", column.max_error_ratio()},
                       {"bias", column.bias()},
                       {"method", column.method}});
  report["notes"] = filtered.notes;
  return report;
}

Result<void> not_the_input(const fs::path& input, const fs::path& out) {
  const FileIdentity there = identity_of(out);
  if (there == FileIdentity{} || there != identity_of(input)) return {};
  return fail(ErrorCode::usage, std::format("--out {} would replace what is read; name another file", out.string()));
}

Result<int> filter(const FilterCommand& command) {
  LINESIDE_ASSIGN(const telemetry::MaxError max_error, telemetry::parse_max_error(command.max_error));
  LINESIDE_TRY(not_the_input(command.input, command.out));
  LINESIDE_ASSIGN(const telemetry::Table table, read_table(command.input));
  std::optional<telemetry::Table> spans;
  if (!command.span_from.empty()) {
    LINESIDE_ASSIGN(spans, read_table(command.span_from));
  }
  const auto begin = std::chrono::steady_clock::now();
  LINESIDE_ASSIGN(const telemetry::Filtered filtered, telemetry::filter(table, {.max_error = max_error,
                                                                                .span_from = spans ? &*spans : nullptr,
                                                                                .time_column = command.time_column}));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  LINESIDE_TRY(write_atomically(command.out, filtered.bytes));
  if (!command.report.empty()) {
    const std::string text = report_of(filtered, seconds).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
    LINESIDE_TRY(write_atomically(command.report, text + "\n"));
  }
  for (const std::string& note : filtered.notes) std::fputs(std::format("note: {}\n", note).c_str(), stderr);
  const auto less_than = [&](std::uint64_t bytes) {
    return bytes > 0 ? 100 - 100.0 * static_cast<double>(filtered.bytes.size()) / static_cast<double>(bytes) : 0;
  };
  std::fputs(std::format("{} samples in {} bytes: {:.1f} % less than as float32, {:.1f} % less than as JSON\n",
                         filtered.samples, filtered.bytes.size(), less_than(4 * filtered.samples),
                         less_than(filtered.bytes_in_json))
                 .c_str(),
             stdout);
  return 0;
}

Result<int> rebuild(const RebuildCommand& command) {
  LINESIDE_TRY(not_the_input(command.segments, command.out));
  LINESIDE_ASSIGN(const auto bytes, read_bytes(command.segments, kInputBytesMax));
  LINESIDE_TRY(write_atomically(
      command.out, [&](const PutBytes& put) { return telemetry::rebuild(bytes, command.segments.string(), put); }));
  return 0;
}

}  // namespace

cli::Command filter_command() {
  const auto options = std::make_shared<FilterCommand>();
  cli::Command command{.name = "filter", .summary = "shrinks a recording to what rebuilds it within given errors"};
  command.details =
      "Reads CSV (',', ';' or tabs; also .gz) and writes segments that hold everything a receiver needs. Each number "
      "is "
      "rebuilt within the bound; times, texts, cells like 'Bad' and columns without a span are kept exactly. Before "
      "anything is written, what was made is read back and every cell is compared.\n\n"
      "--report writes JSON: samples, bytes_in_float32 (4 a sample), bytes_in_json (one object for each row, with "
      "names, "
      "times and values as in the file, as it would be sent by MQTT), bytes_out, seconds, and for each column its "
      "bound, "
      "max_error, max_error_ratio (largest error over the bound), bias (mean of rebuilt less recorded, in the column's "
      "unit) and method.";
  command.options = {
      cli::required("--input", "FILE", "the recording (CSV, also gzipped)", options->input),
      cli::option("--max-error", "BOUND", "share of each column's span (1%), or a number in the columns' own units",
                  options->max_error),
      cli::option("--span-from", "FILE", "recording whose columns' spans count, by name; without it --input's own",
                  options->span_from),
      cli::option("--time-column", "NAME", "the column of times; without it found by itself", options->time_column),
      cli::required("--out", "FILE", "the segments", options->out),
      cli::option("--report", "FILE", "sizes and errors as JSON", options->report)};
  command.examples = {
      {"lineside filter --input data.csv.gz --max-error 1% --out segments.bin", "within 1 % of each span"},
      {"lineside filter --input today.csv --max-error 5% --span-from train.csv --out today.bin "
       "--report today.json",
       "with the spans of another recording"}};
  command.run = [options] { return filter(*options); };
  return command;
}

cli::Command rebuild_command() {
  const auto options = std::make_shared<RebuildCommand>();
  cli::Command command{.name = "rebuild", .summary = "makes a recording out of segments"};
  command.details = "The CSV has the same rows, columns and times as the one that was filtered.";
  command.options = {cli::argument("SEGMENTS", "what `lineside filter` wrote", options->segments),
                     cli::required("--out", "FILE", "the recording (CSV)", options->out)};
  command.options[0].value_name = "FILE";
  command.examples = {{"lineside rebuild segments.bin --out rebuilt.csv", "the recording, within its bounds"}};
  command.run = [options] { return rebuild(*options); };
  return command;
}

}  // namespace lineside::toolbox
