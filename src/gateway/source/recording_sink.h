#pragma once
// Tests only: a sink that writes down what it was given, and waits for it.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/api/frame_source.h"

namespace lineside::gateway {

class RecordingSink final : public FrameSink {
 public:
  struct Seen {
    int width = 0, height = 0;
    PixelFormat format = PixelFormat::rgb8;
    std::uint8_t first_byte = 0;
    MonoTime exposure{};
    bool exposure_known = false;
    std::uint64_t sequence = 0;
    std::string name;
    bool damaged = false;
  };

  void on_frame(const FrameView& frame) override {
    const std::lock_guard lock(mutex_);
    frames_.push_back({frame.image.width, frame.image.height, frame.image.format,
                       frame.image.data == nullptr ? std::uint8_t{0} : frame.image.data[0], frame.exposure,
                       frame.exposure_known, frame.sequence, std::string(frame.name), frame.damaged});
    changed_.notify_all();
    if (on_each) on_each(frame);
  }
  void on_state(SourceState state, const Error& why) override {
    const std::lock_guard lock(mutex_);
    states_.push_back(state);
    if (state == SourceState::down) whys_.push_back(why);
    changed_.notify_all();
  }
  bool wait_ready(nanoseconds wait_max) override {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait_max, [&] { return frames_.size() < room_; });
  }

  bool wait_frames(std::size_t count, std::chrono::milliseconds wait_max = std::chrono::seconds{20}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait_max, [&] { return frames_.size() >= count; });
  }
  bool wait_downs(std::size_t count, std::chrono::milliseconds wait_max = std::chrono::seconds{20}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait_max, [&] { return whys_.size() >= count; });
  }
  std::vector<Seen> frames() {
    const std::lock_guard lock(mutex_);
    return frames_;
  }
  std::vector<SourceState> states() {
    const std::lock_guard lock(mutex_);
    return states_;
  }
  std::vector<Error> whys() {
    const std::lock_guard lock(mutex_);
    return whys_;
  }
  void set_room(std::size_t frames) {
    const std::lock_guard lock(mutex_);
    room_ = frames;
    changed_.notify_all();
  }

  std::function<void(const FrameView&)> on_each;  // set before start()

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seen> frames_;
  std::vector<SourceState> states_;
  std::vector<Error> whys_;
  std::size_t room_ = static_cast<std::size_t>(-1);
};

}  // namespace lineside::gateway
