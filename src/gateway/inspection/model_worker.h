#pragma once
// A model and the thread that runs it, for one camera of a station. A new model gets a worker of its own, which loads,
// warms up and only then takes over the camera's frames between two items; the worker before stays, asleep, for the way
// back (law 7).
#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "gateway/api/classifier.h"
#include "gateway/inspection/doorbell.h"
#include "gateway/inspection/frame_slots.h"
#include "gateway/inspection/judge.h"
#include "gateway/inspection/thread_setup.h"
#include "gateway/inspection/verdict_desk.h"

namespace lineside::gateway {

struct LoadedModel {
  std::unique_ptr<Classifier> classifier;
  std::uint64_t counter = 0;  // anti-rollback counter of the bundle
};
// Reads, verifies and prepares the model; called on a worker's thread. Errors as make_classifier's, and bundle_rollback
// when the bundle there now is not newer than `newer_than`.
using ModelLoader = std::function<Result<LoadedModel>(std::uint64_t newer_than)>;

struct JudgeSettings {
  std::optional<double> reject_threshold;  // instead of the bundle's
  double doubt_band = 0;
};

// What the workers of one camera share.
struct WorkerSeat {
  FrameSlots& slots;
  VerdictDesk& desk;
  SampleSink* samples;  // null: none
  Counter& samples_missed;
  Doorbell work;  // rung when a frame waits
  Doorbell room;  // rung when a waiting frame was taken
  std::atomic<class ModelWorker*> active{nullptr};
  std::atomic<class ModelWorker*> preparing{nullptr};  // the source's thread uses it now: it must not go away
};

class ModelWorker {
 public:
  enum class State : std::uint8_t { loading, ready, failed };

  // Starts the thread: it loads, warms up and then waits to be made `seat.active`.
  // `number`: not 0, and no other worker's of this camera.
  ModelWorker(WorkerSeat& seat, std::uint64_t number, ModelLoader loader, std::uint64_t newer_than,
              JudgeSettings judging, ThreadSetup setup);
  ~ModelWorker();  // waits for the item it works on

  State state() const { return state_.load(std::memory_order_acquire); }
  // After `ready`. Verdicts on their way point to it, so whoever ends a worker keeps its info.
  const ModelInfo& info() const { return *info_; }
  std::unique_ptr<const ModelInfo> take_info_after_exit();  // joins
  std::uint64_t counter() const { return counter_; }
  // After `failed`.
  const Error& error() const { return error_; }
  // Makes the model's input of a slot that is being filled, if it is one of the first few: the lowest free one is
  // always taken. The source's thread only, after `ready`; if it fails, this worker tries again by itself.
  void prepare(FrameSlot& slot);
  void wake() { bell_.ring(); }
  void ask_to_stop();

  std::uint64_t answers() const { return answers_.load(std::memory_order_relaxed); }
  // Items in a row that it failed on or answered too late.
  std::uint64_t bad_streak() const { return bad_streak_.load(std::memory_order_relaxed); }
  // The item it has worked on since `busy_since`; MonoTime{} when idle. For noticing a model that hangs.
  MonoTime busy_since() const { return MonoTime{nanoseconds{busy_since_ns_.load(std::memory_order_relaxed)}}; }
  bool has_exited() const { return exited_.load(std::memory_order_acquire); }

 private:
  void run();
  Result<void> load();
  Result<void> see_a_blank_frame(Classifier& classifier) const;
  void work();
  FrameSlot* take(Clock& clock);
  Result<void> set_input(FrameSlot& slot);
  void inspect(FrameSlot& slot);
  bool keep_sample(FrameSlot& slot, const Answer& answer, bool in_time);

  WorkerSeat& seat_;
  const std::uint64_t number_;
  const ModelLoader loader_;
  const std::uint64_t newer_than_;
  const JudgeSettings judging_;
  const ThreadSetup setup_;
  std::unique_ptr<Classifier> classifier_;
  std::unique_ptr<ModelInfo> info_ = std::make_unique<ModelInfo>();
  std::uint64_t counter_ = 0;
  Error error_;
  Doorbell bell_;
  std::atomic<State> state_{State::loading};
  std::atomic<bool> stopping_{false}, exited_{false};
  std::atomic<std::uint64_t> answers_{0}, bad_streak_{0};
  std::atomic<std::int64_t> busy_since_ns_{0};
  std::thread thread_;
};

}  // namespace lineside::gateway
