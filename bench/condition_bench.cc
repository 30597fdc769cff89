// Windows of a machine from memory through features, detectors and thresholds, as a gateway's asset does it: one JSON
// line with the windows a second of one core. Arguments: bundle, its public key, seconds to measure.
#include <cstdio>
#include <cstdlib>
#include <format>

#include "base/clock.h"
#include "base/log.h"
#include "bundle/bundle.h"
#include "condition/scorer.h"
#include "plant/machine_signal.h"

namespace {

using namespace lineside;

Result<void> measure(const std::string& file, const std::string& key, double seconds) {
  LINESIDE_ASSIGN(const auto trust, bundle::Trust::from_files({key}, false));
  LINESIDE_ASSIGN(const auto bundle, bundle::Bundle::open(file, trust));
  LINESIDE_ASSIGN(const auto scorer, condition::Scorer::create(bundle, ""));
  const condition::Model& model = scorer->model();
  const auto axes = model.channels.size();
  const std::size_t length = model.waveform.window, hop = model.waveform.hop;
  plant::MachineSignal signal({.rate_hz = model.rate_hz, .axes = static_cast<int>(axes)});
  const std::size_t samples = length * 8;
  std::vector<float> recording(samples * axes);
  signal.next(recording);
  condition::WindowExtractor extractor(model);
  condition::RecentScores recent;
  std::vector<std::span<const float>> channels(axes);
  std::uint64_t windows = 0;
  const MonoTime began = system_clock().mono();
  double taken_s = 0;
  while (taken_s < seconds) {
    const std::size_t first = windows * hop % (samples - length);
    for (std::size_t c = 0; c < axes; ++c) channels[c] = std::span(recording).subspan(c * samples + first, length);
    LINESIDE_ASSIGN(const auto score, scorer->score_next(extractor.next(channels, first), recent));
    if (score.score < 0) return fail(ErrorCode::internal, "a score below 0");
    ++windows;
    taken_s = static_cast<double>((system_clock().mono() - began).count()) / 1e9;
  }
  const double per_s = static_cast<double>(windows) / taken_s;
  std::puts(
      std::format(
          "{{\"axes\":{},\"windows\":{},\"windows_per_s\":{:.1f},\"axes_in_real_time\":{:.1f},\"window_ms\":{:.3f}}}",
          axes, windows, per_s, per_s * static_cast<double>(axes) * static_cast<double>(hop) / model.rate_hz,
          1000 / per_s)
          .c_str());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: condition_bench BUNDLE KEY.pub SECONDS\n", stderr);
    return 2;
  }
  if (auto done = measure(argv[1], argv[2], std::atof(argv[3])); !done) {
    std::fputs((lineside::to_string(done.error()) + "\n").c_str(), stderr);
    return 1;
  }
  return 0;
}
