#pragma once
// Tests only: a sink of waveforms that remembers.
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/api/waveform_source.h"

namespace lineside::gateway::testing {

class TakingWaveformSink : public WaveformSink {
 public:
  void on_block(WaveformBlock block) override {
    const std::lock_guard lock(mutex_);
    look_at(block);
    blocks.push_back(std::move(block));
    changed_.notify_all();
  }
  void on_bad_block(const std::string& why) override {
    const std::lock_guard lock(mutex_);
    bad.push_back(why);
    changed_.notify_all();
  }
  void on_source(bool up, const std::string& why) override {
    const std::lock_guard lock(mutex_);
    (up ? ups : downs) += 1;
    if (!up) last_why = why;
    changed_.notify_all();
  }
  // Under the lock; false when it did not come true in time.
  template <class Ready>
  bool wait(Ready ready) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, ready);
  }

  std::vector<WaveformBlock> blocks;
  std::vector<std::string> bad;
  std::string last_why;
  int ups = 0, downs = 0;

 private:
  virtual void look_at(const WaveformBlock& block) { static_cast<void>(block); }  // under the lock

  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace lineside::gateway::testing
