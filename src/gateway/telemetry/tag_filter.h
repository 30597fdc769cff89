#pragma once
// From readings to what leaves the gateway: blocks of coded readings and summaries in the bulk lane, and at once, in
// the urgent lane, what somebody should hear of.
//
// Events, asset = the tag: tag.high_high, tag.high, tag.low, tag.low_low and tag.normal (ISA-18.2; see LimitWatch),
// tag.bad and tag.good (a tag's quality, when it has lasted kQualityLasts; at most once in kQualityPause). Asset = the
// source: tag_source.down, tag_source.up, tag.bad and tag.good for many of its tags in one. Asset = "telemetry":
// telemetry.dropped, telemetry.proof_failed.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "gateway/api/record_sink.h"
#include "gateway/telemetry/limit_watch.h"
#include "gateway/telemetry/stream_filter.h"
#include "gateway/telemetry/tag_summarizer.h"

namespace lineside::gateway {

struct TelemetryParts {
  RecordSink& records;
  MetricsRegistry& metrics;
  Clock& clock;
  // Of the bulk lane, that this process declared lost so far: when it grows, streams begin anew. Empty: nobody knows.
  std::function<std::uint64_t()> lost_records;
  std::function<void(std::vector<std::uint8_t>&)> spoil;  // for tests: what a defect would do to a block
};

// Owner thread only. Every reading of the settings' tags that take() gets is in a block, in a summary (summary_only),
// or counted as refused; nothing is thinned out, so that max_silence never has to be waited for. Blocks of all streams
// leave together when the first of them has been open for the block period, or in turns of kCodedAtOnce readings, so
// that what comes in meanwhile need not wait long.
class TagFilter {
 public:
  static constexpr std::chrono::milliseconds kQualityLasts{300};
  static constexpr std::uint64_t kCodedAtOnce = 100'000;
  static constexpr std::chrono::seconds kQualityPause{60}, kSourcePause{10}, kDropPause{60};

  TagFilter(const config::TelemetrySettings& settings, TelemetryParts parts);
  ~TagFilter();

  void take(std::span<const Sample> samples);
  void source_is(std::size_t source, bool up, const std::string& why);
  void note_bad_value(std::size_t tag, const std::string& why);
  void note_bad_values(std::uint64_t more);  // that nobody can say more of
  void note_dropped(std::uint64_t in_all);   // by the queue before this
  // Closes blocks and periods whose time has come; call some times a second.
  void look_after();
  void close_all();  // what is open leaves now

  // A tag beyond a limit, as the last event on it said.
  struct LimitAlarm {
    std::size_t tag = 0;
    Severity severity = Severity::medium;
    WallTime since{};  // of this level
    std::string message;
  };
  // By their places in the settings.
  const std::map<std::size_t, LimitAlarm>& limit_alarms() const { return limit_alarms_; }
  const std::vector<Sample>& newest() const { return newest_; }  // of each tag; received is zero: nothing came yet
  std::size_t streams() const { return streams_.size(); }

 private:
  struct Instruments;
  struct Tag {
    std::size_t source = 0, stream = 0, group = 0, place = 0;
    LimitWatch limits;
    std::optional<TagSummarizer> summary;
    bool bad = false, told_bad = false, waiting = false;  // waiting: it is in quality_changed_
    MonoTime since{}, quiet_until{};                      // of `bad`; of the next word on it
  };
  struct Source {
    bool up = true, told_up = true;
    std::string why;
    MonoTime quiet_until{};
  };

  void make_streams();
  void take(Sample sample, MonoTime now);
  void watch(Tag& tag, const Sample& sample, MonoTime now);
  void close(StreamFilter& stream);
  void close_streams(std::uint64_t samples_max);       // from closed_ on
  std::optional<TagBlock> code(StreamFilter& stream);  // what was gathered, if anything
  void look_for_losses();
  void look_at_limits(MonoTime now);
  void look_at_sources(MonoTime now);
  void look_at_qualities(MonoTime now);
  void look_at_summaries(bool end);
  void tell_limit(std::size_t tag, const LimitWatch::Change& change);
  void tell_quality(std::size_t source, bool bad, std::span<const std::size_t> tags);
  void tell(const std::string& type, const std::string& asset, Severity severity, const std::string& message,
            std::map<std::string, std::string> evidence = {});

  const config::TelemetrySettings settings_;
  TelemetryParts parts_;
  const std::unique_ptr<Instruments> instruments_;
  std::vector<Tag> tags_;
  std::vector<Source> sources_;
  std::vector<StreamFilter> streams_;
  std::size_t closed_ = 0;  // of streams_, in this round; all: none is under way
  std::vector<Sample> newest_;
  std::map<std::size_t, LimitAlarm> limit_alarms_;
  std::vector<std::size_t> limited_, summarized_, quality_changed_;
  std::uint64_t lost_seen_ = 0, dropped_seen_ = 0, dropped_told_ = 0, proofs_told_ = 0;
  MonoTime drop_quiet_until_{};
  LogLimiter bad_value_log_;
};

}  // namespace lineside::gateway
