#pragma once
// The gateway put together, in the order in which data flows. Nothing else knows all the parts.
#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "config/gateway_settings.h"

namespace lineside::gateway {

class Gateway {
 public:
  // Everything runs when it returns, models and cameras come up by themselves. What can't be had for one station
  // (model, camera, trigger, actuator) is that station's trouble; what can't be had for the local endpoint or the
  // uplink is said and done without. Errors, then nothing runs: config_invalid; file_io, disk_full, database,
  // limit_reached (the data folder); file_not_found, file_format (trusted keys).
  static Result<std::unique_ptr<Gateway>> start(const config::GatewaySettings& settings, Clock& clock);
  ~Gateway();

  // Takes up bundles that have changed on disk. Call about once a second with `settled`: a file that still changes is
  // left alone until the next call; without it (SIGHUP) it is taken as it is.
  void look_for_models(bool settled);

  // Each open item gets its verdict, rejects on their way are fired, everything is brought to disk. False: a station
  // did not stop within 1.7 s, or a source of waveforms or an asset within 3 s after that (a model or camera hangs, a
  // disk does not answer); all others did, and all data is on disk. Then leave by std::_Exit: what hangs uses this
  // still, and the destructor would wait for it or take it away.
  bool stop();

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace lineside::gateway
