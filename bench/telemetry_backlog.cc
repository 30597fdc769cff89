// telemetry_backlog DIR TAGS HOURS: an outbox as a gateway leaves it that could not send for so long: TAGS simulated
// instruments, read each second, through the streaming filter with the default block period. Prints one JSON object.
#include <chrono>
#include <cstdlib>
#include <format>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "gateway/outbox/outbox.h"
#include "gateway/telemetry/tag_filter.h"
#include "plant/tag_signal.h"

namespace {

using namespace lineside;

constexpr std::chrono::seconds kFlushMax{60};
constexpr std::uint64_t kUnwrittenMax = 1000;

config::TelemetrySettings settings_for(int tags) {
  config::TelemetrySettings settings;
  settings.sources.push_back({.name = "plant", .kind = config::TagSourceSettings::Kind::file});
  for (int i = 0; i < tags; ++i) {
    config::TagSettings tag{.name = std::format("plant/{}", plant::name_of_tag(i)), .source = "plant"};
    tag.max_error = 0.1;
    settings.tags.push_back(tag);
  }
  return settings;
}

int run(const std::string& dir, int tags, int hours) {
  const std::chrono::hours length{hours};
  ManualClock clock(system_clock().wall() - length);
  MetricsRegistry metrics;
  auto opened = gateway::Outbox::open(dir, {}, clock, metrics);
  if (!opened) return std::cerr << to_string(opened.error()) << '\n', 1;
  gateway::Outbox& outbox = **opened;
  gateway::TagFilter filter(settings_for(tags), {outbox, metrics, clock, {}, {}});
  std::vector<plant::TagSignal> signals;
  for (int i = 0; i < tags; ++i) signals.emplace_back(plant::kind_of_tag(i), static_cast<std::uint64_t>(i + 1));
  std::vector<Sample> samples(signals.size());
  for (std::chrono::seconds second{0}; second < length; ++second) {
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] = {i, clock.wall(), clock.wall(), signals[i].next(1), Quality::good};
    filter.take(samples);
    clock.advance(std::chrono::seconds{1});
    filter.look_after();
    for (auto status = outbox.status(Lane::bulk); status.handed_out - status.durable > kUnwrittenMax;
         status = outbox.status(Lane::bulk))
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  filter.close_all();
  if (!outbox.flush(kFlushMax)) return 1;
  const auto status = outbox.status(Lane::bulk);
  std::cout << std::format(R"({{"records":{},"bytes":{},"samples":{},"lost":{}}})", status.records, status.bytes,
                           samples.size() * static_cast<std::size_t>(std::chrono::seconds{length}.count()), status.lost)
            << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) return run(argv[1], std::atoi(argv[2]), std::atoi(argv[3]));
  std::cerr << "usage: telemetry_backlog DIR TAGS HOURS\n";
  return 2;
}
