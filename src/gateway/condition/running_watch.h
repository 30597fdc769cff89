#pragma once
// Whether a machine runs, by the plant's own tags (`running_when` of an asset): what it does while it stands, starts or
// runs down is not what was learned of it, and no fault of its sensors either.
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/asset_settings.h"
#include "config/tag_settings.h"
#include "gateway/api/tag_source.h"

namespace lineside::gateway {

enum class Running : std::uint8_t {
  yes,
  no,       // a tag is outside of its range, or has not been inside for long enough
  unknown,  // a tag has no good reading
};

// Thread-safe. Takes the samples of any source; of tags that the asset does not name nothing is kept.
class RunningWatch final : public TagSink {
 public:
  RunningWatch(const config::AssetSettings& asset, const std::vector<config::TagSettings>& tags, Clock& clock);

  struct Answer {
    Running running = Running::yes;
    std::string state;  // for people, "not running (speed is 0)"; empty: it runs
  };
  // From then until now, by when readings came here, which may be a poll later than what they tell.
  Answer since(MonoTime from) const;

  void on_samples(std::span<const Sample> samples) override;
  void on_source(bool, const std::string&) override {}            // its tags turn bad first
  void on_bad_value(std::size_t, const std::string&) override {}  // comes as a bad sample too

 private:
  struct Condition {
    std::size_t tag = 0;
    config::RunningWhen within;
    Running running = Running::unknown;
    MonoTime since{};  // of running == yes
    double value = 0;
  };

  const nanoseconds settle_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<Condition> conditions_;
};

}  // namespace lineside::gateway
