#pragma once
// Tests only: a sink that remembers, settings of tags, and what all tests of sources begin with.
#include <gtest/gtest.h>

#include <format>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/test_watched.h"
#include "gateway/tags/make_tag_source.h"

namespace lineside::gateway::testing {

class TakingSink final : public TagSink, public lineside::testing::Watched {
 public:
  void on_samples(std::span<const Sample> samples) override {
    change([&] {
      for (const Sample& sample : samples) of[sample.tag].push_back(sample);
    });
  }
  void on_source(bool up, const std::string& why) override {
    change([&] {
      (up ? ups : downs) += 1;
      if (!up) reasons.push_back(why);
    });
  }
  void on_bad_value(std::size_t tag, const std::string& why) override {
    change([&] { bad[tag].push_back(why); });
  }

  // Only within wait() and look().
  bool is(std::size_t tag, double value, Quality quality = Quality::good) {
    return !of[tag].empty() && of[tag].back().quality == quality && of[tag].back().value == value;
  }
  bool is_bad(std::size_t tag) { return !of[tag].empty() && of[tag].back().quality == Quality::bad; }
  std::string why_bad(std::size_t tag) { return bad[tag].empty() ? "" : bad[tag].back(); }

  std::map<std::size_t, std::vector<Sample>> of;  // by tag
  std::map<std::size_t, std::vector<std::string>> bad;
  std::vector<std::string> reasons;
  int ups = 0, downs = 0;
};

inline config::TagSettings tag(std::string name, std::string source = "source") {
  config::TagSettings settings;
  settings.name = std::move(name);
  settings.source = std::move(source);
  return settings;
}

class TagSourceTest : public ::testing::Test {
 protected:
  explicit TagSourceTest(config::TagSourceSettings::Kind kind) {
    settings_.name = "source";
    settings_.kind = kind;
    settings_.reconnect_min = std::chrono::milliseconds{50};
    settings_.reconnect_max = std::chrono::milliseconds{400};
  }
  void TearDown() override { source_.reset(); }  // before what it reads
  // A further tag, named by its place.
  std::size_t add() {
    tags_.push_back(tag(std::format("t{}", tags_.size())));
    return tags_.size() - 1;
  }
  Result<std::unique_ptr<TagSource>> make() { return make_tag_source(settings_, tags_, system_clock(), metrics_); }
  void start() {
    source_ = make().value();
    ASSERT_TRUE(source_->start(sink_));
  }
  std::uint64_t count(const std::string& name) {
    return metrics_.counter("lineside_tag_" + name + "_total", "", {{"source", "source"}}).value();
  }

  config::TagSourceSettings settings_;
  std::vector<config::TagSettings> tags_;
  MetricsRegistry metrics_;
  TakingSink sink_;
  std::unique_ptr<TagSource> source_;
};

}  // namespace lineside::gateway::testing
