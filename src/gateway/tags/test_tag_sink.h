#pragma once
// Tests only: a sink that remembers, and settings of tags.
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "config/tag_settings.h"
#include "gateway/api/tag_source.h"

namespace lineside::gateway::testing {

class TakingSink final : public TagSink {
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

  // Under the lock; false when it did not come true in time.
  template <class Ready>
  bool wait(Ready ready, std::chrono::seconds time_max = std::chrono::seconds{20}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time_max, ready);
  }
  template <class Look>
  auto look(Look look) {
    const std::lock_guard lock(mutex_);
    return look();
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

 private:
  template <class Change>
  void change(Change change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

inline config::TagSettings tag(std::string name, std::string source = "source") {
  config::TagSettings settings;
  settings.name = std::move(name);
  settings.source = std::move(source);
  return settings;
}

}  // namespace lineside::gateway::testing
