#include "gateway/inspection/model_worker.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::seconds kIdleWait{1};
constexpr std::chrono::microseconds kFillWaitMax{300};  // filling takes some ten; longer: its thread lost the core

}  // namespace

ModelWorker::ModelWorker(WorkerSeat& seat, std::uint64_t number, ModelLoader loader, std::uint64_t newer_than,
                         JudgeSettings judging, ThreadSetup setup)
    : seat_(seat),
      number_(number),
      loader_(std::move(loader)),
      newer_than_(newer_than),
      judging_(judging),
      setup_(std::move(setup)),
      thread_([this] { run(); }) {}

ModelWorker::~ModelWorker() {
  ask_to_stop();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<const ModelInfo> ModelWorker::take_info_after_exit() {
  thread_.join();
  return std::move(info_);
}

void ModelWorker::ask_to_stop() {
  stopping_.store(true);
  bell_.ring();
  seat_.work.ring();
}

void ModelWorker::run() {
  // Loading is done at normal priority: only a model that works may be in anybody's way.
  set_up_this_thread({.name = setup_.name, .cpu = setup_.cpu, .flush_denormals = setup_.flush_denormals});
  if (auto loaded = load(); !loaded) {
    error_ = std::move(loaded).error();
    state_.store(State::failed, std::memory_order_release);
  } else {
    set_up_this_thread(setup_);
    state_.store(State::ready, std::memory_order_release);
    work();
  }
  exited_.store(true, std::memory_order_release);
}

Result<void> ModelWorker::load() {
  LINESIDE_ASSIGN(LoadedModel model, loader_(newer_than_));
  LINESIDE_TRY(model.classifier->warm_up());
  LINESIDE_TRY(see_a_blank_frame(*model.classifier));
  classifier_ = std::move(model.classifier);
  counter_ = model.counter;
  info_->version = classifier_->version();
  info_->labels = classifier_->labels();
  info_->threshold =
      judging_.reject_threshold ? static_cast<float>(*judging_.reject_threshold) : classifier_->reject_threshold();
  return {};
}

void ModelWorker::work() {
  Clock& clock = seat_.desk.clock();
  while (!stopping_.load()) {
    const std::uint32_t own = bell_.count();
    if (seat_.active.load(std::memory_order_acquire) != this) {
      bell_.wait(own, clock.mono() + kIdleWait);
      continue;
    }
    const std::uint32_t seen = seat_.work.count();
    if (FrameSlot* slot = take(clock); slot != nullptr) {
      seat_.room.ring();
      busy_since_ns_.store(clock.mono().time_since_epoch().count(), std::memory_order_relaxed);
      inspect(*slot);
      busy_since_ns_.store(0, std::memory_order_relaxed);
      continue;
    }
    seat_.work.wait(seen, clock.mono() + kIdleWait);
  }
}

// What the first picture of a size makes the classifier allocate is then there before a frame waits for it.
Result<void> ModelWorker::see_a_blank_frame(Classifier& classifier) const {
  const FrameSlots& slots = seat_.slots;
  if (!slots.prepared()) return {};  // no frame came yet: the first one does it
  const int stride = slots.width() * channels_of(slots.format());
  const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(stride) * static_cast<std::size_t>(slots.height()));
  const ImageView blank{pixels.data(), slots.width(), slots.height(), stride, slots.format()};
  LINESIDE_TRY(classifier.make_input(blank, 0));
  return classifier.preprocess(blank);
}

void ModelWorker::prepare(FrameSlot& slot) {
  const std::size_t place = seat_.slots.index_of(slot);
  if (place < Classifier::kPlaces && classifier_->make_input(slot.image, place)) slot.prepared_by = number_;
}

Result<void> ModelWorker::set_input(FrameSlot& slot) {
  if (slot.prepared_by != number_) return classifier_->preprocess(slot.image);
  classifier_->use_input(seat_.slots.index_of(slot));
  return {};
}

// Stays awake for a frame that is just being filled: going to sleep and waking up again takes longer.
FrameSlot* ModelWorker::take(Clock& clock) {
  FrameSlot* slot = seat_.slots.take();
  if (slot != nullptr || !seat_.slots.being_filled()) return slot;
  const MonoTime until = clock.mono() + kFillWaitMax;
  do {
    std::this_thread::yield();  // the one that fills may wait for this core
    slot = seat_.slots.take();
  } while (slot == nullptr && seat_.slots.being_filled() && clock.mono() < until);
  return slot != nullptr ? slot : seat_.slots.take();
}

void ModelWorker::inspect(FrameSlot& slot) {
  VerdictDesk& desk = seat_.desk;
  Clock& clock = desk.clock();
  Answer answer{.ticket = slot.ticket, .exposure = slot.exposure, .model = info_.get()};
  if (!desk.board().is_open(slot.ticket.number)) return FrameSlots::release(slot);  // no use working on it
  const auto prepared = set_input(slot);
  answer.preprocess = clock.mono();
  if (prepared) {
    const auto score = classifier_->infer();
    answer.inference = clock.mono();
    if (score) {
      answer.score = *score;
      answer.judgement = judge(*score, info_->threshold, static_cast<float>(judging_.doubt_band));
    }
  }
  const bool in_time = desk.answer(answer) && clock.mono() <= slot.ticket.deadline;
  const bool good = answer.judgement.vote != Vote::failed && in_time;
  answers_.fetch_add(1, std::memory_order_relaxed);
  bad_streak_.store(good ? 0 : bad_streak_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (!keep_sample(slot, answer, in_time)) FrameSlots::release(slot);
}

bool ModelWorker::keep_sample(FrameSlot& slot, const Answer& answer, bool in_time) {
  if (seat_.samples == nullptr) return false;
  const bool failed = answer.judgement.vote == Vote::failed;
  Report report{.outcome = {.verdict = {}, .model = info_.get()}, .slot = &slot};
  Verdict& verdict = report.outcome.verdict;
  verdict.item = slot.ticket.number;
  verdict.time = slot.ticket.time;
  // What was acted on; what the model would have said stands in score and label.
  verdict.decision = !in_time || failed                    ? seat_.desk.fail_safe()
                     : answer.judgement.vote == Vote::pass ? Decision::pass
                                                           : Decision::reject;
  verdict.reason = in_time || failed ? answer.judgement.reason : Reason::fail_late;
  verdict.score = answer.score.reject_score;
  verdict.label = answer.score.label;
  report.why = seat_.samples->wants(verdict.decision, verdict.reason, verdict.score, info_->threshold);
  if (report.why == SampleWhy::no) return false;
  if (seat_.slots.lend(slot) && seat_.desk.offer_sample(report)) return true;
  seat_.samples_missed.add();
  return false;
}

}  // namespace lineside::gateway
