#pragma once
// Tests only: a station's neighbours, under the test's control.
#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/api/actuator.h"
#include "gateway/api/frame_source.h"
#include "gateway/api/item_log.h"
#include "gateway/api/record_sink.h"
#include "gateway/api/sample_sink.h"
#include "gateway/api/trigger_source.h"
#include "gateway/inspection/test_fake_model.h"

namespace lineside::gateway::testing {

using namespace std::chrono_literals;

// Waits for what another thread is about to do; generous, because it only costs time when the test fails.
template <class Condition>
bool eventually(Condition&& condition, std::chrono::milliseconds wait_max = 10s) {
  const auto until = std::chrono::steady_clock::now() + wait_max;
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return condition();
}

class FakeSource final : public FrameSource {
 public:
  Result<void> start(FrameSink& sink) override {
    sink_.store(&sink);
    return {};
  }
  void stop() override { sink_.store(nullptr); }

  bool started() const { return sink_.load() != nullptr; }
  FrameSink* sink() const { return sink_.load(); }
  // A picture of one grey value, taken at `exposure`.
  void give(std::uint8_t grey, MonoTime exposure = system_clock().mono(), int width = 8, int height = 8) {
    FrameSink* sink = sink_.load();
    if (sink == nullptr) return;
    const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width * height * 3), grey);
    FrameView frame;
    frame.image = {pixels.data(), width, height, width * 3, PixelFormat::rgb8};
    frame.exposure = exposure;
    sink->on_frame(frame);
  }

 private:
  std::atomic<FrameSink*> sink_{nullptr};
};

class FakeTrigger final : public TriggerSource {
 public:
  Result<void> start(TriggerSink& sink) override {
    sink_.store(&sink);
    return {};
  }
  void stop() override { sink_.store(nullptr); }
  void fire(MonoTime time = system_clock().mono()) {
    if (TriggerSink* sink = sink_.load()) sink->on_trigger(time);
  }
  void lose() {
    if (TriggerSink* sink = sink_.load()) sink->on_trigger_lost({ErrorCode::trigger_unavailable, "line cut"});
  }

 private:
  std::atomic<TriggerSink*> sink_{nullptr};
};

// What the actuator was told, and what it answers. Outlives the actuator.
struct ActuatorScript {
  struct Shot {
    ActuationCommand command;
    MonoTime at;
  };
  std::mutex mutex;
  bool reachable = true, takes_safe_state = false;  // the safe state also when it is not reachable otherwise
  std::vector<Shot> shots;
  int opens = 0, probes = 0, safes = 0;

  void set_reachable(bool now) {
    std::lock_guard lock(mutex);
    reachable = now;
  }
  std::vector<Shot> all_shots() {
    std::lock_guard lock(mutex);
    return shots;
  }
  int count(int ActuatorScript::* what) {
    std::lock_guard lock(mutex);
    return this->*what;
  }
};

class FakeActuator final : public Actuator {
 public:
  explicit FakeActuator(ActuatorScript& script) : script_(script) {}
  Result<void> open(MonoTime) override { return answer(&script_.opens); }
  Result<void> probe(MonoTime) override { return answer(&script_.probes); }
  Result<void> go_safe(MonoTime) override {
    auto answered = answer(&script_.safes);
    std::lock_guard lock(script_.mutex);
    return script_.takes_safe_state ? Result<void>{} : answered;
  }
  Result<void> fire(const ActuationCommand& command) override {
    std::lock_guard lock(script_.mutex);
    if (!script_.reachable) return lineside::fail(ErrorCode::actuator_unreachable, "no answer");
    script_.shots.push_back({command, system_clock().mono()});
    return {};
  }

 private:
  Result<void> answer(int* count) {
    std::lock_guard lock(script_.mutex);
    ++*count;
    if (!script_.reachable) return lineside::fail(ErrorCode::actuator_unreachable, "no answer");
    return {};
  }
  ActuatorScript& script_;
};

class FakeItemLog final : public ItemLog {
 public:
  std::uint64_t next_item() override { return next_.fetch_add(1); }
  void put(const Verdict& verdict, std::string_view label, std::string_view model) override {
    std::lock_guard lock(mutex_);
    verdicts_.push_back(verdict);
    labels_.emplace_back(label);
    models_.emplace_back(model);
  }
  std::vector<Verdict> verdicts() const {
    std::lock_guard lock(mutex_);
    return verdicts_;
  }
  std::vector<std::string> models() const {
    std::lock_guard lock(mutex_);
    return models_;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return verdicts_.size();
  }

 private:
  std::atomic<std::uint64_t> next_{1};
  mutable std::mutex mutex_;
  std::vector<Verdict> verdicts_;
  std::vector<std::string> labels_, models_;
};

class FakeRecords final : public RecordSink {
 public:
  void put(Lane lane, RecordBody body) override {
    std::lock_guard lock(mutex_);
    records_.emplace_back(lane, std::move(body));
  }
  template <class T>
  std::vector<T> of() const {
    std::lock_guard lock(mutex_);
    std::vector<T> result;
    for (const auto& [lane, body] : records_)
      if (const T* one = std::get_if<T>(&body)) result.push_back(*one);
    return result;
  }
  int events(const std::string& type) const {
    return static_cast<int>(std::ranges::count(of<EventRecord>(), type, &EventRecord::type));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<Lane, RecordBody>> records_;
};

class FakeSamples final : public SampleSink {
 public:
  SampleWhy wants(Decision decision, Reason, float, float) override {
    return decision == Decision::reject ? SampleWhy::reject : SampleWhy::no;
  }
  void offer(const Verdict& verdict, std::string_view, SampleWhy, const ImageView& image) override {
    std::lock_guard lock(mutex_);
    pixels_[verdict.item] = image.data[0];
  }
  std::map<std::uint64_t, int> pixels() const {
    std::lock_guard lock(mutex_);
    return pixels_;
  }
  std::unique_lock<std::mutex> hold() const { return std::unique_lock(mutex_); }  // offer() hangs meanwhile

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, int> pixels_;
};

}  // namespace lineside::gateway::testing
