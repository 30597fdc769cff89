// lineside-gateway: the edge daemon.
#include <malloc.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "apps/gateway/wiring.h"
#include "base/log.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "config/load.h"

namespace {

using namespace lineside;

// SIGHUP as something to look at now and then. Before any thread starts: they inherit the mask.
int hangup_descriptor() {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &hangup, nullptr);
  return signalfd(-1, &hangup, SFD_NONBLOCK | SFD_CLOEXEC);
}

Result<int> serve(const std::filesystem::path& config, int hangups) {
  LINESIDE_ASSIGN(const config::GatewaySettings settings, config::load_gateway_settings(config));
  malloc_trim(0);  // the text of a hundred thousand tags takes hundreds of megabytes while it is read
  LINESIDE_ASSIGN(const auto gateway, gateway::Gateway::start(settings, system_clock()));
  while (!wait_for_stop(std::chrono::seconds{1})) {
    signalfd_siginfo signal{};
    gateway->look_for_models(read(hangups, &signal, sizeof signal) != sizeof signal);
  }
  if (gateway->stop()) return 0;
  log(LogLevel::error, "gateway", "A model, a camera or a source hangs; leaving without waiting for it.");
  std::_Exit(exit_code(ErrorCode::internal));
}

}  // namespace

int main(int argc, char** argv) {
  catch_stop_signals();
  const int hangups = hangup_descriptor();
  // Many threads that allocate little: an arena for each would cost more memory than it saves time.
  mallopt(M_ARENA_MAX, 4);
  std::filesystem::path config;
  cli::Program program;
  program.name = "lineside-gateway";
  program.summary = "Inspects items and watches machines beside the line, and rejects what is bad in time.";
  program.root.details =
      "Runs every station and watches every asset of the configuration until SIGTERM or SIGINT. A station whose "
      "camera, model, trigger or actuator fails gives the configured fail-safe verdict and says so; an asset whose "
      "sensors or model fail says so and is not judged; the others go on. A bundle that changes on disk is noticed "
      "within three seconds, after SIGHUP within one.";
  program.root.options = {cli::required("--config", "FILE", "settings (YAML)", config)};
  program.root.examples = {{"lineside-gateway --config gateway.yaml", "run the stations and assets in gateway.yaml"},
                           {"lineside check gateway.yaml", "only find mistakes in the settings"},
                           {"curl http://127.0.0.1:9780/healthz", "ask a running gateway how it is"}};
  program.root.run = [&] { return serve(config, hangups); };
  return cli::run(program, argc, argv);
}
