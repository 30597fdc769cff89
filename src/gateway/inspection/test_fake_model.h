#pragma once
// Tests only: a model that answers as the test tells it.
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gateway/api/classifier.h"

namespace lineside::gateway::testing {

// How a fake model answers; shared by the fakes of all cameras and changed while they run.
struct ModelScript {
  std::mutex mutex;
  std::condition_variable changed;
  bool hang = false, fail = false;
  std::atomic<int> hanging{0};                   // calls that hang now
  std::atomic<int> made_ahead{0}, made_late{0};  // inputs, on the source's thread and on the model's
  std::chrono::microseconds takes{0};
  float from_pixel_scale = 1.0F / 255;  // score = first pixel * this

  void set(auto&& change) {
    std::lock_guard lock(mutex);
    change(*this);
    changed.notify_all();
  }
};

class FakeClassifier final : public Classifier {
 public:
  explicit FakeClassifier(ModelScript& script, std::string version = "fake@1")
      : script_(script), version_(std::move(version)) {}
  Result<void> warm_up() override { return {}; }
  Result<void> preprocess(const ImageView& image) override {
    ++script_.made_late;
    pixel_ = image.data[0];
    return {};
  }
  Result<void> make_input(const ImageView& image, std::size_t place) override {
    ++script_.made_ahead;
    ahead_.at(place) = image.data[0];
    return {};
  }
  void use_input(std::size_t place) override { pixel_ = ahead_.at(place); }
  Result<ClassScore> infer() override {
    std::unique_lock lock(script_.mutex);
    if (script_.hang) {
      ++script_.hanging;
      script_.changed.wait(lock, [&] { return !script_.hang; });
      --script_.hanging;
    }
    if (script_.fail) return lineside::fail(ErrorCode::inference_failed, "fails as told");
    const auto takes = script_.takes;
    const float score = static_cast<float>(pixel_) * script_.from_pixel_scale;
    lock.unlock();
    if (takes.count() > 0) std::this_thread::sleep_for(takes);
    return ClassScore{score, static_cast<std::int16_t>(score >= 0.5F ? 1 : 0)};
  }
  float reject_threshold() const override { return 0.5F; }
  const std::vector<std::string>& labels() const override { return labels_; }
  const std::string& version() const override { return version_; }

 private:
  ModelScript& script_;
  const std::string version_;
  const std::vector<std::string> labels_{"good", "bad"};
  std::uint8_t pixel_ = 0;
  std::array<std::uint8_t, kPlaces> ahead_{};
};

}  // namespace lineside::gateway::testing
