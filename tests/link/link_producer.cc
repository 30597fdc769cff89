// For link_test.py: a gateway's delivery with a backlog. Puts pictures into the bulk lane before the uplink starts,
// then a verdict each 100 ms into the urgent lane until told to stop.
//
//   link_producer DIR PORT PICTURES [BUG]
//
// SIGTERM: stops putting, waits until the hub has everything, prints `LANE HANDED_OUT LOST` for both lanes.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>

#include "base/signals.h"
#include "gateway/outbox/outbox.h"
#include "gateway/uplink/uplink.h"

namespace {

using namespace lineside;
using namespace std::chrono_literals;

constexpr std::size_t kPictureBytes = 8000;
constexpr auto kVerdictPeriod = 100ms;
constexpr auto kDrainMax = 20s;

void put_pictures(gateway::Outbox& outbox, int count) {
  std::mt19937 bytes(1);  // nothing that compression could make smaller
  for (int item = 1; item <= count; ++item) {
    PictureRecord picture{.station = "s1",
                          .item = static_cast<std::uint64_t>(item),
                          .time = system_clock().wall(),
                          .kind = "full",
                          .jpeg = std::vector<std::uint8_t>(kPictureBytes)};
    for (auto& byte : picture.jpeg) byte = static_cast<std::uint8_t>(bytes());
    outbox.put(Lane::bulk, std::move(picture));
  }
}

bool drained(const gateway::Outbox& outbox) {
  for (const Lane lane : {Lane::urgent, Lane::bulk}) {
    const auto status = outbox.status(lane);
    if (status.acknowledged != status.handed_out) return false;
  }
  return true;
}

int run(const std::filesystem::path& dir, int port, int pictures, const std::string& bug) {
  MetricsRegistry metrics;
  config::OutboxSettings outbox_settings;
  outbox_settings.queue_records = pictures + 1000;
  auto outbox = gateway::Outbox::open(dir / "outbox", outbox_settings, system_clock(), metrics);
  if (!outbox) return std::fprintf(stderr, "%s\n", to_string(outbox.error()).c_str()), 3;
  put_pictures(**outbox, pictures);
  if (!(*outbox)->flush(10s)) return 3;
  config::UplinkSettings settings;
  settings.broker.port = port;
  settings.broker.tls = false;
  auto uplink = gateway::Uplink::start(settings, "t1", "g1", **outbox, system_clock(), metrics);
  if (!uplink) return std::fprintf(stderr, "%s\n", to_string(uplink.error()).c_str()), 3;

  // The planted bug: verdicts have no lane of their own and wait behind the backlog.
  const Lane lane = bug == "one-lane" ? Lane::bulk : Lane::urgent;
  auto next = std::chrono::steady_clock::now();
  for (std::uint64_t item = 1; !stop_requested(); ++item) {
    (*outbox)->put(lane, VerdictRecord{.station = "s1", .item = item, .time = system_clock().wall(), .label = "good"});
    next += kVerdictPeriod;
    std::this_thread::sleep_until(next);
  }
  const auto until = std::chrono::steady_clock::now() + kDrainMax;
  while (!drained(**outbox) && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(50ms);
  for (const Lane one : {Lane::urgent, Lane::bulk}) {
    const auto status = (*outbox)->status(one);
    std::printf("%s %llu %llu\n", to_string(one), static_cast<unsigned long long>(status.handed_out),
                static_cast<unsigned long long>(status.lost));
  }
  return drained(**outbox) ? 0 : 4;
}

}  // namespace

int main(int argc, char** argv) {
  catch_stop_signals();
  if (argc < 4) return 2;
  return run(argv[1], std::atoi(argv[2]), std::atoi(argv[3]), argc > 4 ? argv[4] : "");
}
