// telemetry_bench FILE PERCENT ROWS: a recording as if it was read now, through the gateway's streaming filter, from
// memory. Spans come from the first third of FILE (CSV), the rest is filtered, each number within PERCENT of its
// column's span; a block has ROWS rows, and each block is a batch of its own, as it is sent where nothing waits. What
// leaves is decoded by another decoder and compared. Prints one JSON object; its seconds are of the processor.
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <format>
#include <iostream>

#include "base/file.h"
#include "gateway/telemetry/tag_filter.h"
#include "telemetry/table.h"
#include "wire/batch.h"

namespace {

using namespace lineside;

struct Column {
  std::string name;
  std::vector<double> values;  // NaN: no number
  double bound = 0;
};

class Blocks final : public gateway::RecordSink {
 public:
  void put(Lane, RecordBody body) override {
    if (auto* block = std::get_if<TagBlock>(&body)) all.push_back(std::move(*block));
  }
  // What was put since the last time leaves as a batch of its own, where nothing else waits.
  void send() {
    if (sent_ < all.size()) batch_ends.push_back(sent_ = all.size());
  }
  std::vector<TagBlock> all;
  std::vector<std::size_t> batch_ends;

 private:
  std::size_t sent_ = 0;
};

std::uint64_t wire_bytes(const Blocks& blocks, WallTime created) {
  constexpr std::size_t kMqtt = 5 + sizeof("lineside/v1/default/gateway-1/up");
  std::uint64_t bytes = 0;
  std::size_t next = 0;
  for (const std::size_t end : blocks.batch_ends) {
    wire::BatchBuilder builder("default", "gateway-1", Lane::bulk, "01890a5d-ac96-774b-bcce-b302099a8057", next + 1,
                               created);
    for (; next < end; ++next) builder.add(wire::encode_record({next + 1, blocks.all[next]}));
    bytes += builder.finish().value().size() + kMqtt;
  }
  return bytes;
}

std::vector<Column> columns_of(const telemetry::Table& table, double share) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < table.columns(); ++i) {
    Column column{.name = table.names()[i], .values = {}};
    double low = INFINITY, high = -INFINITY;
    std::size_t numbers = 0;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const auto value = telemetry::read_number(table.cell(row, i), table.style().decimal_comma);
      column.values.push_back(value.value_or(NAN));
      numbers += value ? 1 : 0;
      if (value && row < table.rows() / 3) low = std::min(low, *value), high = std::max(high, *value);
    }
    column.bound = high > low ? (high - low) * share : 0;
    if (numbers * 2 > table.rows() && column.bound > 0) columns.push_back(std::move(column));
  }
  return columns;
}

struct Measured {
  std::uint64_t samples = 0, bytes = 0, wire = 0, out_of_bounds = 0, missing = 0;
  double seconds = 0;
};

config::TelemetrySettings settings_for(const std::vector<Column>& columns, int rows) {
  config::TelemetrySettings settings;
  settings.sources.push_back({.name = "bench", .kind = config::TagSourceSettings::Kind::file});
  for (const Column& column : columns) {
    config::TagSettings tag{.name = column.name, .source = "bench"};
    tag.max_error = column.bound;
    settings.tags.push_back(tag);
  }
  settings.block_period = std::chrono::seconds{rows};
  return settings;
}

void compare(const std::vector<TagBlock>& blocks, const std::vector<Column>& columns, WallTime start, std::size_t first,
             Measured& measured) {
  std::map<std::string, telemetry::StreamDecoder> decoders;
  std::uint64_t found = 0;
  for (const TagBlock& block : blocks) {
    if (block.index == 0) decoders.insert_or_assign(block.stream, telemetry::StreamDecoder::begin(block.plan).value());
    auto& decoder = decoders.at(block.stream);
    const auto groups = decoder.decode(block.bytes, block.check).value();
    for (std::size_t t = 0; t < groups[0].readings.size(); ++t) {
      const auto column = std::ranges::find(columns, decoder.tags()[0][t].name, &Column::name);
      for (std::size_t row = 0; row < groups[0].times.size(); ++row) {
        const auto time = WallTime{std::chrono::milliseconds{groups[0].times[row]}};
        const double was = column->values[first + static_cast<std::size_t>((time - start) / std::chrono::seconds{1})];
        const auto& now = groups[0].readings[t][row];
        found += now.state == telemetry::Reading::State::none ? 0 : 1;
        if (std::isnan(was) ? now.state == telemetry::Reading::State::good
                            : !(std::abs(now.value - was) <= column->bound))
          ++measured.out_of_bounds;
      }
    }
  }
  measured.missing = measured.samples - found;
}

Measured measure(const std::vector<Column>& columns, int rows) {
  ManualClock clock;
  MetricsRegistry metrics;
  Blocks blocks;
  gateway::TagFilter filter(settings_for(columns, rows), {blocks, metrics, clock, {}, {}});
  const WallTime start = clock.wall();
  const std::size_t all = columns.front().values.size(), first = all / 3;
  Measured measured;
  std::vector<Sample> samples;
  const std::clock_t began = std::clock();  // of the processor: others may use it, too
  for (std::size_t row = first; row < all; ++row) {
    samples.clear();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const double value = columns[i].values[row];
      samples.push_back({i, clock.wall(), clock.wall(), value, std::isnan(value) ? Quality::bad : Quality::good});
    }
    measured.samples += samples.size();
    filter.take(samples);
    clock.advance(std::chrono::seconds{1});
    filter.look_after();
    blocks.send();
  }
  filter.close_all();
  blocks.send();
  measured.seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  for (const TagBlock& block : blocks.all) measured.bytes += block.bytes.size() + block.plan.size();
  measured.wire = wire_bytes(blocks, clock.wall());
  compare(blocks.all, columns, start, first, measured);
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: telemetry_bench FILE PERCENT ROWS\n";
    return 2;
  }
  auto text = lineside::read_text(argv[1], 1U << 30);
  auto table = text ? telemetry::Table::parse(std::move(*text), argv[1])
                    : lineside::Result<telemetry::Table>(std::unexpected(text.error()));
  if (!table) {
    std::cerr << table.error().message << '\n';
    return 1;
  }
  const auto columns = columns_of(*table, std::atof(argv[2]) / 100);
  if (columns.empty()) {
    std::cerr << argv[1] << " has no columns of numbers\n";
    return 1;
  }
  const Measured m = measure(columns, std::atoi(argv[3]));
  std::cout << std::format(
      R"({{"samples":{},"bytes_in_float32":{},"bytes_out":{},"bytes_on_wire":{},"seconds":{:.4f},"out_of_bounds":{},"missing":{}}})"
      "\n",
      m.samples, m.samples * 4, m.bytes, m.wire, m.seconds, m.out_of_bounds, m.missing);
  return 0;
}
