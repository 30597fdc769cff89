#pragma once
// One camera of a station: takes its frames, finds the item each belongs to, and has the camera's model judge it.
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/api/frame_source.h"
#include "gateway/inspection/event_log.h"
#include "gateway/inspection/live_picture.h"
#include "gateway/inspection/model_worker.h"

namespace lineside::gateway {

struct LaneSettings {
  std::string station, camera;
  int index = 0;              // of the camera in its station
  int width = 0, height = 0;  // expected frame size; 0: that of the first frame
  int queue_items = 8;
  int cpu = -1;
  bool opens_items = false;  // each of its frames is an item
  nanoseconds early_max{0};  // a frame so long before the trigger still belongs to the item
  JudgeSettings judging;
};

// on_frame() runs on the source's thread: it rings the worker and, while that wakes up, holds the pixels or copies them
// into a slot, once, and makes the model's input of them. No allocation (but for the first frame, whose size decides
// that of the slots), no lock, no disk.
class CameraLane final : public FrameSink {
 public:
  // `opened` is called when a frame of this lane has opened an item, so that the other cameras can look for theirs.
  CameraLane(LaneSettings settings, ModelLoader loader, VerdictDesk& desk, SampleSink* samples, EventLog& events,
             MetricsRegistry& metrics, std::function<void(const ItemTicket&)> opened);
  ~CameraLane() override;

  void start_model();  // on a thread of its own
  void stop_model();   // waits for the item being judged

  void on_frame(const FrameView& frame) override;
  void on_state(SourceState state, const Error& why) override;
  bool wait_ready(nanoseconds wait_max) override;

  // An item was opened by a trigger or by another camera: a parked frame may be its, and if this camera can give none,
  // it says so at once.
  void on_item(const ItemTicket& ticket);

  // Model care; one control thread. check_models() publishes a model that became ready, goes back to the one before if
  // the new one does badly, and reports both.
  void load_newer_model();
  void check_models();
  bool model_ready() const { return seat_.active.load(std::memory_order_acquire) != nullptr; }
  bool model_settled() const;  // loaded or failed to
  std::string model_version() const;
  double reject_threshold() const;
  std::string model_trouble() const;  // empty: well

  const std::string& camera() const { return settings_.camera; }
  LivePicture& live() { return live_; }
  bool camera_up() const { return up_.load(std::memory_order_relaxed); }
  std::string camera_message() const;
  std::uint64_t raw_bytes() const { return raw_bytes_.value(); }

 private:
  static constexpr std::uint64_t kProbationItems = 1000, kBadStreakMax = 3;

  bool size_is_right(const ImageView& image);
  bool item_for(const FrameView& frame, ItemTicket& ticket);
  void judge_frame(const FrameView& frame, const ItemTicket& ticket);
  void prepare(FrameSlot& slot);
  void park(const FrameView& frame);
  void pair_parked();
  void submit(FrameSlot& slot, const ItemTicket& ticket);
  void publish(ModelWorker& worker);
  void refuse(ModelWorker& worker);
  void care_for(ModelWorker& worker);
  void roll_back(ModelWorker& worker, const std::string& why);
  void start_worker(std::uint64_t newer_than);

  const LaneSettings settings_;
  const ModelLoader loader_;
  VerdictDesk& desk_;
  EventLog& events_;
  const std::function<void(const ItemTicket&)> opened_;
  FrameSlots slots_;
  WorkerSeat seat_;
  LivePicture live_;
  std::atomic<bool> up_{false};
  mutable std::mutex message_mutex_;
  std::string message_;
  Counter& raw_bytes_;
  Counter& unpaired_;
  Counter& wrong_size_;

  mutable std::mutex models_mutex_;                      // control threads only, never the hot path
  std::vector<std::unique_ptr<ModelWorker>> workers_;    // the active one, the one before, one that loads, and leavers
  std::vector<std::unique_ptr<const ModelInfo>> infos_;  // of workers that have gone
  std::uint64_t workers_made_ = 0;
  ModelWorker* before_ = nullptr;
  ModelWorker* loading_ = nullptr;
  bool hang_reported_ = false;
  std::uint64_t answers_at_swap_ = 0;
  std::string model_trouble_;
};

}  // namespace lineside::gateway
