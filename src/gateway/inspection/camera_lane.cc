#include "gateway/inspection/camera_lane.h"

#include <format>

namespace lineside::gateway {
namespace {

constexpr std::chrono::seconds kHangAfter{2};

}  // namespace

CameraLane::CameraLane(LaneSettings settings, ModelLoader loader, VerdictDesk& desk, SampleSink* samples,
                       EventLog& events, MetricsRegistry& metrics, std::function<void(const ItemTicket&)> opened)
    : settings_(std::move(settings)),
      loader_(std::move(loader)),
      desk_(desk),
      events_(events),
      opened_(std::move(opened)),
      slots_(static_cast<std::size_t>(settings_.queue_items)),
      seat_{.slots = slots_,
            .desk = desk,
            .samples = samples,
            .samples_missed =
                metrics.counter("lineside_samples_missed_total", "Pictures not kept: the sample store was behind.",
                                {{"station", settings_.station}, {"camera", settings_.camera}}),
            .work = {},
            .room = {},
            .active = {},
            .preparing = {}},
      message_("not started yet"),
      raw_bytes_(metrics.counter("lineside_raw_bytes_total", "Pixels taken in, in bytes; they stay on site.",
                                 {{"station", settings_.station}, {"camera", settings_.camera}})),
      unpaired_(metrics.counter("lineside_frames_unpaired_total", "Frames that belonged to no item.",
                                {{"station", settings_.station}, {"camera", settings_.camera}})),
      wrong_size_(metrics.counter("lineside_frames_wrong_size_total", "Frames of another size than the first one.",
                                  {{"station", settings_.station}, {"camera", settings_.camera}})) {}

CameraLane::~CameraLane() { stop_model(); }

bool CameraLane::size_is_right(const ImageView& image) {
  const bool known = slots_.prepared();
  const int width = known ? slots_.width() : settings_.width > 0 ? settings_.width : image.width;
  const int height = known ? slots_.height() : settings_.height > 0 ? settings_.height : image.height;
  // The first frame of that size also says whether the camera is a gray one.
  const bool as_expected = image.width == width && image.height == height && width > 0 && height > 0;
  if (!known && as_expected && image.data != nullptr) slots_.prepare(width, height, image.format);
  if (slots_.prepared() && slots_.fits(image)) return true;
  wrong_size_.add();
  const auto kind = [](int channels) { return channels == 1 ? "gray" : "colour"; };
  const std::string what =
      as_expected ? std::format("a {} frame where {} ones are expected", kind(channels_of(image.format)),
                                kind(channels_of(slots_.format())))
                  : std::format("a frame of {}x{} where {}x{} is expected", image.width, image.height, width, height);
  events_.report("camera.wrong_size", Severity::high,
                 std::format("Camera {} sent {}; its item got the fail-safe verdict.", settings_.camera, what));
  return false;
}

bool CameraLane::item_for(const FrameView& frame, ItemTicket& ticket) {
  if (!settings_.opens_items) return desk_.board().claim(settings_.index, frame.exposure, settings_.early_max, ticket);
  if (!desk_.open(frame.exposure, settings_.index, ticket)) return false;
  opened_(ticket);
  return true;
}

void CameraLane::on_frame(const FrameView& frame) {
  if (!up_.load(std::memory_order_relaxed)) on_state(SourceState::up, {});
  raw_bytes_.add(static_cast<std::uint64_t>(frame.image.width) * static_cast<std::uint64_t>(frame.image.height) *
                 static_cast<std::uint64_t>(channels_of(frame.image.format)));
  const bool right = !frame.damaged && size_is_right(frame.image);
  ItemTicket ticket;
  if (item_for(frame, ticket)) {
    if (right) judge_frame(frame, ticket);
    if (!right) desk_.fail(ticket, Reason::fail_camera);
  } else if (right && !settings_.opens_items) {
    park(frame);
  }
  live_.offer(frame);  // last: the frame is on its way to its verdict
}

void CameraLane::judge_frame(const FrameView& frame, const ItemTicket& ticket) {
  if (!model_ready()) return desk_.fail(ticket, Reason::fail_inference);
  FrameSlot* slot = slots_.acquire();
  if (slot == nullptr) return desk_.fail(ticket, Reason::fail_overload);
  seat_.work.ring();  // the model's thread wakes up meanwhile
  slots_.fill(*slot, frame);
  prepare(*slot);
  submit(*slot, ticket);
}

// A worker that is being replaced is not let go while this thread uses it: see check_models().
void CameraLane::prepare(FrameSlot& slot) {
  struct Use {
    std::atomic<ModelWorker*>& preparing;
    ~Use() { preparing.store(nullptr); }
  } const use{seat_.preparing};
  ModelWorker* worker = seat_.active.load();
  use.preparing.store(worker);
  if (worker != nullptr && seat_.active.load() == worker) worker->prepare(slot);
}

void CameraLane::submit(FrameSlot& slot, const ItemTicket& ticket) {
  slot.ticket = ticket;
  if (!slots_.publish(slot)) return desk_.fail(ticket, Reason::fail_overload);
  seat_.work.ring();
}

void CameraLane::park(const FrameView& frame) {
  FrameSlot* slot = slots_.acquire_to_park();
  if (slot == nullptr) return unpaired_.add();
  slots_.fill(*slot, frame);
  if (slots_.park(*slot)) unpaired_.add();
  pair_parked();  // the item may have been opened since we looked
}

void CameraLane::pair_parked() {
  for (;;) {
    const std::uint64_t items_seen = desk_.openings();
    FrameSlot* slot = slots_.unpark();
    if (slot == nullptr) return;
    ItemTicket ticket;
    if (desk_.board().claim(settings_.index, slot->exposure, settings_.early_max, ticket)) {
      if (model_ready()) return submit(*slot, ticket);
      FrameSlots::release(*slot);
      return desk_.fail(ticket, Reason::fail_inference);
    }
    if (slots_.park(*slot)) unpaired_.add();
    // Whoever opened an item meanwhile has found nothing parked: look for it here.
    if (desk_.openings() == items_seen) return;
  }
}

void CameraLane::on_item(const ItemTicket& ticket) {
  if (camera_up()) return pair_parked();
  if (desk_.board().claim_item(settings_.index, ticket.number)) desk_.fail(ticket, Reason::fail_camera);
}

void CameraLane::on_state(SourceState state, const Error& why) {
  if (state == SourceState::starting) return;
  const bool is_up = state == SourceState::up;
  bool was_reported_down = false, changed = false;
  {
    std::lock_guard lock(message_mutex_);
    changed = up_.load() != is_up || (!is_up && message_ != why.message);
    was_reported_down = !up_.load() && message_ != "not started yet";
    message_ = is_up ? std::string{} : why.message;
    up_.store(is_up);
  }
  if (!changed) return;
  if (!is_up && !was_reported_down) {
    events_.report("camera.lost", Severity::critical, std::format("Camera {}: {}", settings_.camera, why.message),
                   {{"camera", settings_.camera}, {"error", std::string(code_name(why.code))}});
  } else if (is_up && was_reported_down) {
    events_.report("camera.recovered", Severity::info, std::format("Camera {} gives frames again.", settings_.camera),
                   {{"camera", settings_.camera}});
  }
}

bool CameraLane::wait_ready(nanoseconds wait_max) {
  // One frame waits while another is judged: the model never starves, and no frame grows old in a queue.
  const MonoTime until = desk_.clock().mono() + wait_max;
  for (;;) {
    const std::uint32_t seen = seat_.room.count();
    if (model_ready() && slots_.waiting() == 0) return true;
    if (desk_.clock().mono() >= until) return false;
    seat_.room.wait(seen, until);
  }
}

std::string CameraLane::camera_message() const {
  std::lock_guard lock(message_mutex_);
  return message_;
}

void CameraLane::start_worker(std::uint64_t newer_than) {
  // Real-time priority only with a core of its own: elsewhere a slow model would starve the threads that decode frames.
  const ThreadSetup setup{.name = "ai " + settings_.station,
                          .cpu = settings_.cpu,
                          .realtime_priority = settings_.cpu >= 0 ? 10 : 0,
                          .flush_denormals = true};
  workers_.push_back(
      std::make_unique<ModelWorker>(seat_, ++workers_made_, loader_, newer_than, settings_.judging, setup));
  loading_ = workers_.back().get();
}

void CameraLane::start_model() {
  std::lock_guard lock(models_mutex_);
  if (workers_.empty()) start_worker(0);
}

void CameraLane::stop_model() {
  std::lock_guard lock(models_mutex_);
  seat_.active.store(nullptr);
  while (seat_.preparing.load() != nullptr) std::this_thread::yield();  // one picture at most
  for (const auto& worker : workers_) worker->ask_to_stop();
  for (auto& worker : workers_) {
    infos_.push_back(worker->take_info_after_exit());
    worker.reset();
  }
  workers_.clear();
  before_ = loading_ = nullptr;
}

void CameraLane::load_newer_model() {
  std::lock_guard lock(models_mutex_);
  if (loading_ != nullptr) return;
  const ModelWorker* active = seat_.active.load();
  start_worker(active == nullptr ? 0 : active->counter());
}

void CameraLane::check_models() {
  std::lock_guard lock(models_mutex_);
  if (loading_ != nullptr && loading_->state() == ModelWorker::State::ready) publish(*std::exchange(loading_, nullptr));
  if (loading_ != nullptr && loading_->state() == ModelWorker::State::failed) refuse(*std::exchange(loading_, nullptr));
  if (ModelWorker* active = seat_.active.load(); active != nullptr) care_for(*active);
  std::erase_if(workers_, [this](auto& worker) {
    if (!worker->has_exited() || worker.get() == loading_) return false;
    if (seat_.preparing.load() == worker.get()) return false;  // the next time
    infos_.push_back(worker->take_info_after_exit());
    return true;
  });
}

void CameraLane::publish(ModelWorker& worker) {
  ModelWorker* replaced = seat_.active.load();
  if (before_ != nullptr) before_->ask_to_stop();
  before_ = replaced;
  answers_at_swap_ = worker.answers();
  hang_reported_ = false;
  model_trouble_.clear();
  seat_.active.store(&worker);
  worker.wake();
  seat_.work.ring();
  seat_.room.ring();
  if (replaced == nullptr) return;
  events_.report(
      "model.changed", Severity::info,
      std::format("{} took over from {} between two items.", worker.info().version, replaced->info().version),
      {{"model", worker.info().version}, {"previous", replaced->info().version}});
}

void CameraLane::refuse(ModelWorker& worker) {
  const bool have_one = seat_.active.load() != nullptr;
  if (!have_one) model_trouble_ = worker.error().message;
  events_.report(
      have_one ? "model.refused" : "model.unavailable", have_one ? Severity::high : Severity::critical,
      then(worker.error().message, have_one ? "The model in use stays." : "Every item gets the fail-safe verdict."),
      {{"error", std::string(code_name(worker.error().code))}});
}

void CameraLane::care_for(ModelWorker& worker) {
  const MonoTime busy_since = worker.busy_since();
  const bool hangs = busy_since != MonoTime{} && desk_.clock().mono() - busy_since > kHangAfter;
  const bool on_probation = before_ != nullptr && worker.answers() - answers_at_swap_ < kProbationItems;
  if (on_probation && hangs) return roll_back(worker, "does not answer");
  if (on_probation && worker.bad_streak() >= kBadStreakMax)
    return roll_back(worker, std::format("failed or was late {} times in a row", worker.bad_streak()));
  if (hangs && !hang_reported_)
    events_.report("model.hangs", Severity::critical,
                   std::format("{} has not answered for {} s; every item gets the fail-safe verdict.",
                               worker.info().version, kHangAfter.count()));
  hang_reported_ = hangs;
}

void CameraLane::roll_back(ModelWorker& worker, const std::string& why) {
  ModelWorker& to = *std::exchange(before_, nullptr);
  seat_.active.store(&to);
  to.wake();
  seat_.work.ring();
  events_.report("model.rolled_back", Severity::high,
                 std::format("{} {}; {} is back in use.", worker.info().version, why, to.info().version),
                 {{"model", to.info().version}, {"refused", worker.info().version}});
  worker.ask_to_stop();
}

bool CameraLane::model_settled() const {
  std::lock_guard lock(models_mutex_);
  return model_ready() || !model_trouble_.empty();
}

std::string CameraLane::model_version() const {
  std::lock_guard lock(models_mutex_);
  const ModelWorker* active = seat_.active.load();
  return active == nullptr ? std::string{} : active->info().version;
}

double CameraLane::reject_threshold() const {
  std::lock_guard lock(models_mutex_);
  const ModelWorker* active = seat_.active.load();
  return active == nullptr ? settings_.judging.reject_threshold.value_or(0) : active->info().threshold;
}

std::string CameraLane::model_trouble() const {
  std::lock_guard lock(models_mutex_);
  if (hang_reported_) return "The model does not answer.";
  return model_trouble_;
}

}  // namespace lineside::gateway
