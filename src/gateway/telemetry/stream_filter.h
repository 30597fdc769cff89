#pragma once
// The tags of one stream: readings are gathered in rows, and leave as coded blocks.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/record.h"
#include "model/sample.h"
#include "telemetry/tag_stream.h"

namespace lineside::gateway {

// Owner thread only. The hub finds blocks by the time they end, and moves one of a wrong clock as a whole: a block is
// never longer than kSpanMax, and readings before and after the gateway's clock was set are in two.
class StreamFilter {
 public:
  static constexpr std::chrono::hours kSpanMax{1};
  static constexpr std::chrono::minutes kClockStep{1};

  StreamFilter(std::string name, telemetry::StreamTags tags,
               std::function<void(std::vector<std::uint8_t>&)> spoil = {});

  // False, and nothing was added: it does not fit into the block, which has to be closed first.
  bool add(std::size_t group, std::size_t tag, const Sample& sample, WallTime time, MonoTime now);
  std::uint64_t samples() const { return samples_; }  // gathered
  MonoTime since() const { return since_; }           // when the block that is open got its first reading
  // Codes what was gathered. `now`: generations are named by it. Errors: internal (the proof failed, even of exact
  // readings): these readings are lost.
  Result<TagBlock> close(WallTime now);
  void begin_anew() { encoder_.begin_anew(); }
  const std::string& name() const { return name_; }
  std::uint64_t proofs_failed() const { return encoder_.proofs_failed(); }

 private:
  std::string name_;
  telemetry::StreamEncoder encoder_;
  std::vector<telemetry::GroupRows> rows_;
  std::uint64_t samples_ = 0, generation_ = 0;
  MonoTime since_{};
  WallTime from_{}, to_{};     // of what was gathered
  nanoseconds clock_ahead_{};  // the wall clock's to the other, at the newest reading
};

}  // namespace lineside::gateway
