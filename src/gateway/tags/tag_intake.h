#pragma once
// What all sources of tags share: readings are scaled, judged and counted on their way to the sink.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "config/tag_settings.h"
#include "gateway/api/tag_source.h"

namespace lineside::gateway {

// Knows the tags of one source, by their place among them (`i` below). Owner thread only: the source's.
class TagIntake {
 public:
  // What a source's clock may say, for all of the gateway: nobody behind this judges it again. One that was never set,
  // or whose unit is mistaken, says earlier; one that runs ahead, or by local time, says later than the gateway, which
  // would make rules wait for nothing and the hub doubt the gateway. So does every clock while the gateway's own is not
  // set. What is late is not wrong: it may have waited.
  static constexpr WallTime kEarliest{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};
  static constexpr std::chrono::seconds kAheadMax{10};

  TagIntake(const config::TagSourceSettings& source, std::span<const config::TagSettings> tags, Clock& clock,
            MetricsRegistry& metrics);

  std::size_t size() const { return tags_.size(); }
  const config::TagSettings& tag(std::size_t i) const { return tags_[i].settings; }
  // Of a place in the gateway's settings; nothing: it is of another source.
  std::optional<std::size_t> find(std::size_t index) const;
  void set_sink(TagSink& sink) { sink_ = &sink; }  // before anything else

  // A reading, before scale and offset. Not finite, or beyond the tag's valid range: as refuse(). A source time before
  // kEarliest or more than kAheadMax ahead is left out, counted. `quality`: good or uncertain.
  void take(std::size_t i, double read, WallTime source_time = {}, Quality quality = Quality::good);
  // A reading that can't be used, and why. The sink hears the first of a row of them, also when down() came before it.
  void refuse(std::size_t i, const std::string& why, WallTime source_time = {});
  void flush();  // hands over what was taken; by itself when that is much

  void up();
  // All tags are bad. The sink hears it once for each reason.
  void down(const std::string& why);
  void count_message(std::uint64_t by = 1) { messages_.add(by); }
  void count_lost(std::uint64_t by = 1) { lost_.add(by); }
  void count_odd_time() { odd_times_.add(); }  // one that could not even be read

 private:
  struct Tag {
    std::size_t index = 0;  // in the gateway's settings
    config::TagSettings settings;
    bool bad = false;   // and the sink knows
    bool told = false;  // it knows why, too
  };
  void make_bad(Tag& tag, WallTime source_time);
  void hand_over(Sample sample);
  WallTime plausible(WallTime source_time, WallTime received);

  Clock& clock_;
  Counter &samples_, &bad_values_, &odd_times_, &connects_, &messages_, &lost_;
  std::vector<Tag> tags_;
  std::vector<Sample> pending_;
  TagSink* sink_ = nullptr;
  bool up_ = false, told_ = false;
  std::string down_because_;
};

}  // namespace lineside::gateway
