#include "gateway/tags/write_queue.h"

#include <algorithm>
#include <iterator>

namespace lineside::gateway {
namespace {

void leave_out(const TagWrite& write, const char* why) {
  write.done({.outcome = TagWritten::Outcome::not_sent, .before = {}, .after = {}, .why = why});
}

}  // namespace

WriteQueue::~WriteQueue() {
  for (const TagWrite& write : waiting_) leave_out(write, "the gateway stops");
}

void WriteQueue::write(TagWrite write) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < kWaitingMax) {
      waiting_.push_back(std::move(write));
      fresh_ = true;
      came_.notify_all();
      return;
    }
  }
  leave_out(write, "too many writes wait for this source");
}

bool WriteQueue::wait(const std::stop_token& stop, nanoseconds most) {
  std::unique_lock lock(mutex_);
  for (const TagWrite& write : waiting_)
    most =
        std::min<nanoseconds>(most, std::max<nanoseconds>(write.until - clock_.mono(), std::chrono::milliseconds{1}));
  came_.wait_for(lock, stop, most, [this] { return fresh_; });
  fresh_ = false;
  return stop.stop_requested();
}

// Their answers are given without the lock.
std::deque<TagWrite> WriteQueue::drop_late() {
  const auto late = std::ranges::stable_partition(
      waiting_, [now = clock_.mono()](const TagWrite& write) { return now < write.until; });
  std::deque<TagWrite> dropped(std::move_iterator(late.begin()), std::move_iterator(late.end()));
  waiting_.erase(late.begin(), late.end());
  return dropped;
}

std::optional<TagWrite> WriteQueue::take(const std::function<bool(const TagWrite&)>& possible) {
  std::optional<TagWrite> taken;
  std::deque<TagWrite> late;
  {
    const std::lock_guard lock(mutex_);
    late = drop_late();
    if (const auto found = std::ranges::find_if(waiting_, possible); found != waiting_.end()) {
      taken = std::move(*found);
      waiting_.erase(found);
    }
  }
  for (const TagWrite& write : late) leave_out(write, "the device could not be reached in time");
  return taken;
}

void WriteQueue::put_back(TagWrite write) {
  const std::lock_guard lock(mutex_);
  waiting_.push_front(std::move(write));
}

}  // namespace lineside::gateway
