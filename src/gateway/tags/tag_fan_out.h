#pragma once
// What one tag source brings, for everybody who wants it: the filter, the rules, the Sparkplug publisher.
#include <vector>

#include "gateway/api/tag_source.h"

namespace lineside::gateway {

// One for each source. Takers are added before the source starts and must outlive this; the source calls each of them
// in the order in which they were added. None may block (TagSink): who is slow has a bounded queue of its own and
// counts what it drops, so that no taker ever costs another a reading.
class TagFanOut final : public TagSink {
 public:
  void add(TagSink& taker) { takers_.push_back(&taker); }

  void on_samples(std::span<const Sample> samples) override {
    for (TagSink* taker : takers_) taker->on_samples(samples);
  }
  void on_source(bool up, const std::string& why) override {
    for (TagSink* taker : takers_) taker->on_source(up, why);
  }
  void on_bad_value(std::size_t tag, const std::string& why) override {
    for (TagSink* taker : takers_) taker->on_bad_value(tag, why);
  }

 private:
  std::vector<TagSink*> takers_;
};

}  // namespace lineside::gateway
