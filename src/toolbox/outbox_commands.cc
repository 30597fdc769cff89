#include <cmath>
#include <cstdio>
#include <format>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "gateway/outbox/inspect.h"
#include "toolbox/commands.h"

namespace lineside::toolbox {
namespace {

using nlohmann::json;

constexpr std::array kBothLanes{Lane::urgent, Lane::bulk};

struct OutboxOptions {
  std::filesystem::path dir, out;
};

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

Result<int> show(const OutboxOptions& options) {
  LINESIDE_ASSIGN(const gateway::OutboxView view, gateway::look_into_outbox(options.dir));
  print(std::format("database  {}\nepoch     {}\n", view.database.string(), view.epoch));
  print(std::format("{:<8} {:>12} {:>12} {:>10} {:>12}  {}\n", "lane", "acknowledged", "on disk to", "records", "bytes",
                    "oldest record"));
  for (const Lane lane : kBothLanes) {
    const auto index = static_cast<std::size_t>(lane);
    const gateway::LaneTotals& totals = view.lanes[index];
    print(std::format("{:<8} {:>12} {:>12} {:>10} {:>12}  {}\n", to_string(lane), totals.deleted, totals.durable,
                      totals.records, totals.bytes, view.oldest[index] ? to_rfc3339(*view.oldest[index]) : "none"));
  }
  return 0;
}

Result<int> verify(const OutboxOptions& options) {
  LINESIDE_ASSIGN(const auto problems, gateway::verify_outbox(options.dir));
  if (problems.empty()) {
    print(std::format("{}: the database and every record are in order\n", options.dir.string()));
    return 0;
  }
  std::string all = std::format("the outbox in {} is damaged:", options.dir.string());
  for (const std::string& problem : problems) all += "\n  " + problem;
  return fail(ErrorCode::database_damaged, all);
}

json to_json(const VerdictRecord& verdict) {
  return {{"kind", "verdict"},
          {"station", verdict.station},
          {"item", verdict.item},
          {"time", to_rfc3339(verdict.time)},
          {"decision", to_string(verdict.decision)},
          {"reason", to_string(verdict.reason)},
          {"score", std::isfinite(verdict.score) ? json(verdict.score) : json()},
          {"label", verdict.label},
          {"model_version", verdict.model_version},
          {"deadline_met", verdict.deadline_met},
          {"actuated", verdict.actuated}};
}

json to_json(const StationSummary& summary) {
  return {{"kind", "station_summary"},
          {"station", summary.station},
          {"from", to_rfc3339(summary.from)},
          {"to", to_rfc3339(summary.to)},
          {"items", summary.items},
          {"passed", summary.passed},
          {"rejected", summary.rejected},
          {"fail_safe", summary.fail_safe},
          {"late", summary.late},
          {"actuation_failed", summary.actuation_failed},
          {"camera_up", summary.camera_up},
          {"actuator_up", summary.actuator_up},
          {"model_version", summary.model_version}};
}

json to_json(const AssetSummary& summary) {
  return {{"kind", "asset_summary"},
          {"asset", summary.asset},
          {"from", to_rfc3339(summary.from)},
          {"to", to_rfc3339(summary.to)},
          {"mode", summary.mode},
          {"trouble", summary.trouble},
          {"state", summary.state},
          {"sensor", summary.sensor},
          {"windows", summary.windows},
          {"anomalies", summary.anomalies},
          {"unknown", summary.unknown},
          {"sensor_faults", summary.sensor_faults},
          {"score_max", summary.score_max},
          {"threshold", summary.threshold},
          {"raw_bytes", summary.raw_bytes},
          {"lost_samples", summary.lost_samples},
          {"model_version", summary.model_version}};
}

json to_json(const TagBlock& block) {
  return {{"kind", "tag_block"},        {"stream", block.stream},         {"generation", block.generation},
          {"index", block.index},       {"from", to_rfc3339(block.from)}, {"to", to_rfc3339(block.to)},
          {"rows", block.rows},         {"samples", block.samples},       {"bytes", block.bytes.size()},
          {"plan", !block.plan.empty()}};
}

json to_json(const TagSummary& summary) {
  return {{"kind", "tag_summary"},
          {"tag", summary.tag},
          {"unit", summary.unit},
          {"from", to_rfc3339(summary.from)},
          {"to", to_rfc3339(summary.to)},
          {"count", summary.count},
          {"bad", summary.bad},
          {"mean", summary.mean},
          {"min", summary.min},
          {"max", summary.max},
          {"deviation", summary.deviation},
          {"above_high_s", summary.above_high_s}};
}

json to_json(const EventRecord& event) {
  return {{"kind", "event"},
          {"id", event.id},
          {"type", event.type},
          {"asset", event.asset},
          {"severity", to_string(event.severity)},
          {"time", to_rfc3339(event.time)},
          {"message", event.message},
          {"evidence", event.evidence}};
}

// The picture itself stays on site: an export is often sent to somebody.
json to_json(const PictureRecord& picture) {
  return {{"kind", "picture"},     {"station", picture.station},
          {"item", picture.item},  {"time", to_rfc3339(picture.time)},
          {"level", picture.kind}, {"jpeg_bytes", picture.jpeg.size()}};
}

json to_json(const LossRecord& loss) {
  return {{"kind", "loss"},
          {"first", loss.first},
          {"last", loss.last},
          {"cause", loss.cause},
          {"time", to_rfc3339(loss.time)}};
}

Result<int> export_records(const OutboxOptions& options) {
  std::ofstream out(options.out);
  if (!out) return fail(ErrorCode::file_io, std::format("can't write {}", options.out.string()));
  std::uint64_t records = 0;
  for (const Lane lane : kBothLanes)
    LINESIDE_TRY(gateway::for_each_record(options.dir, lane, [&](const Record& record) -> Result<void> {
      json line = std::visit([](const auto& body) { return to_json(body); }, record.body);
      line["lane"] = to_string(lane);
      line["sequence"] = record.sequence;
      out << line.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
      ++records;
      return {};
    }));
  out.close();
  if (!out) return fail(ErrorCode::file_io, std::format("can't write all of {}", options.out.string()));
  print(std::format("{} records in {}\n", records, options.out.string()));
  return 0;
}

}  // namespace

cli::Command outbox_commands() {
  const auto options = std::make_shared<OutboxOptions>();
  const cli::Option dir = cli::argument("DIR", "the outbox's folder, below the gateway's data_dir", options->dir);
  cli::Command show_command{.name = "show", .summary = "prints what waits in each lane", .options = {dir}};
  show_command.examples = {{"lineside outbox show /var/lib/lineside/outbox", "how much waits for the hub"}};
  show_command.run = [options] { return show(*options); };
  cli::Command verify_command{.name = "verify", .summary = "checks the database and every record", .options = {dir}};
  verify_command.examples = {{"lineside outbox verify /var/lib/lineside/outbox", "is it damaged?"}};
  verify_command.run = [options] { return verify(*options); };
  cli::Command export_command{.name = "export", .summary = "writes the records as JSON lines"};
  export_command.details = "Of pictures only their size is written, not the picture.";
  export_command.options = {dir, cli::required("--out", "FILE", "where to write", options->out)};
  export_command.examples = {
      {"lineside outbox export /var/lib/lineside/outbox --out records.jsonl", "to look at them"}};
  export_command.run = [options] { return export_records(*options); };
  cli::Command command{.name = "outbox", .summary = "looks into a gateway's outbox"};
  command.details = "Only reads, also while the gateway runs. docs/delivery.md explains what is in it.";
  command.commands = {show_command, verify_command, export_command};
  return command;
}

}  // namespace lineside::toolbox
