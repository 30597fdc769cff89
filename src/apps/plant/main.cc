// lineside-plant: the simulated bottling plant, and the pictures drawn from it.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/log.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "config/load.h"
#include "plant/draw.h"
#include "plant/plant.h"
#include "plant/vibrate.h"

namespace lineside {

namespace {

using namespace std::chrono_literals;

// Takes the orders that have come on standard input, waiting at most `wait_max`; false at its end.
bool take_orders(plant::Plant& plant, std::string& pending, std::chrono::milliseconds wait_max) {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (::poll(&input, 1, static_cast<int>(wait_max.count())) <= 0) return true;
  char bytes[512];
  const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
  if (count <= 0) return false;
  pending.append(bytes, static_cast<std::size_t>(count));
  for (std::size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
    const std::string line = pending.substr(0, end);
    pending.erase(0, end + 1);
    if (auto done = plant.order(line); !done) log(LogLevel::error, "plant", to_string(done.error()));
  }
  return true;
}

Result<int> serve(const std::filesystem::path& config, bool orders) {
  LINESIDE_ASSIGN(const config::PlantSettings settings, config::load_plant_settings(config));
  catch_stop_signals();
  LINESIDE_ASSIGN(auto plant, plant::Plant::start(settings, system_clock()));
  const MonoTime end = system_clock().mono() +
                       nanoseconds{static_cast<std::int64_t>((settings.minutes > 0 ? settings.minutes : 1e6) * 60e9)};
  std::string pending;
  while (system_clock().mono() < end && !wait_for_stop(orders ? 0ms : 100ms))
    if (orders) orders = take_orders(*plant, pending, 100ms);
  return 0;
}

Result<int> draw(const plant::DrawOptions& options) {
  catch_stop_signals();
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  LINESIDE_TRY(plant::draw_pictures(options, [&](int done) {
    if (terminal && (done % 50 == 0 || done == options.count))
      std::fprintf(stderr, "\r%d of %d pictures%s", done, options.count, done == options.count ? "\n" : "");
    return !stop_requested();
  }));
  std::cout << std::format("{} pictures in {}\n", options.count, options.out.string());
  return 0;
}

Result<int> vibrate(const plant::VibrateOptions& options) {
  catch_stop_signals();
  LINESIDE_TRY(plant::write_vibration(options, [] { return !stop_requested(); }));
  std::cout << std::format("{} recordings in {}\n", options.count, options.out.string());
  return 0;
}

cli::Command vibrate_command(plant::VibrateOptions& options) {
  cli::Command command{.name = "vibrate",
                       .summary = "writes recordings of a motor or a pump, in order or with a fault"};
  auto kind = cli::option("--kind", "KIND", "motor or pump", options.kind);
  kind.choices = {"motor", "pump"};
  const auto within = [](cli::Option option, double min, double max) {
    option.min = min, option.max = max;
    return option;
  };
  command.options = {
      cli::required("--out", "DIR", "folder to write CSV files to", options.out),
      within(cli::option("--count", "N", "recordings", options.count), 1, 1e6),
      within(cli::option("--seconds", "S", "length of each", options.seconds), 0.001, 3600),
      within(cli::option("--rate", "HZ", "samples a second", options.rate_hz), 100, 1e6),
      within(cli::option("--axes", "N", "accelerometer axes", options.axes), 1, 8),
      within(cli::option("--speed", "HZ", "turns a second", options.speed_hz), 0.1, 1000),
      kind,
      cli::option("--fault", "FAULT", "as in the order `machine`", options.fault),
      cli::option("--severity", "NUMBER", "1 is plain to see, 0.3 early", options.severity),
      cli::option("--seed", "N", "same seed, same machine", options.seed),
  };
  command.examples = {{"lineside-plant vibrate --out healthy --count 30", "recordings to learn from"}};
  command.run = [&options] { return vibrate(options); };
  return command;
}

}  // namespace

}  // namespace lineside

int main(int argc, char** argv) {
  using namespace lineside;
  std::filesystem::path config;
  bool orders = false;
  plant::DrawOptions options;
  cli::Program program{
      .name = "lineside-plant",
      .summary = "A simulated plant: cameras (RTSP), rejectors that know the truth (Modbus), machines with sensors."};
  program.root.details =
      "Everything it sends is simulated. With --orders it reads troubles from standard input, one a line:\n"
      "camera LINE ok|freeze|off|resize, rejector LINE ok|silent|gone,\n"
      "machine NAME ok|unbalance|misalignment|looseness|outer_race|inner_race|ball|gear|cavitation [SEVERITY],\n"
      "sensor NAME ok|gone|flat|clip|gain|gap|rate|backwards|nan,\n"
      "instruments ok|freeze|garbage|gone.";
  program.root.options = {cli::option("--config", "FILE", "settings (YAML)", config),
                          cli::flag("--orders", "take orders from standard input", orders)};
  program.root.examples = {{"lineside-plant --config plant.yaml", "run the lines until stopped"}};
  program.root.run = [&]() -> Result<int> {
    if (config.empty()) return fail(ErrorCode::usage, "say --config FILE, or the command draw; see --help");
    return serve(config, orders);
  };
  cli::Command draw_command{.name = "draw", .summary = "draws labelled pictures, a folder per class and shift"};
  auto share = cli::option("--defect-share", "SHARE", "share of defects, 0 to 1", options.defect_share);
  share.max = 1;
  auto width = cli::option("--width", "PX", "width of a picture, 64 to 4096", options.scene.width);
  auto height = cli::option("--height", "PX", "height of a picture, 64 to 4096", options.scene.height);
  width.min = height.min = 64, width.max = height.max = 4096;
  draw_command.options = {
      cli::required("--out", "DIR", "new or empty folder to write to", options.out),
      cli::option("--count", "N", "pictures in all", options.count),
      cli::option("--seed", "N", "same seed, same pictures", options.seed),
      share,
      cli::option("--shifts", "N", "shifts, each with its own light and background", options.shifts),
      cli::flag("--series", "one folder in line order for replay, classes in labels.csv", options.series),
      width,
      height,
  };
  draw_command.examples = {{"lineside-plant draw --out pictures --count 600", "pictures to train with"}};
  draw_command.run = [&] { return draw(options); };
  plant::VibrateOptions vibration;
  program.root.commands = {draw_command, vibrate_command(vibration)};
  return cli::run(program, argc, argv);
}
