#include "gateway/act/pulse_timer.h"

namespace lineside::gateway {

using namespace std::chrono_literals;

PulseTimer::PulseTimer(std::function<bool(const PulseTimer&)> off) : off_(std::move(off)), thread_([this] { run(); }) {}

PulseTimer::~PulseTimer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void PulseTimer::arm(nanoseconds pulse) {
  {
    const std::lock_guard lock(mutex_);
    due_ = std::chrono::steady_clock::now() + pulse;
    overdue_ = false;
  }
  changed_.notify_one();
}

void PulseTimer::cancel() {
  const std::lock_guard lock(mutex_);
  due_.reset();
  overdue_ = false;
}

bool PulseTimer::due() const {
  const std::lock_guard lock(mutex_);
  return due_ && (closing_ || std::chrono::steady_clock::now() >= *due_);
}

bool PulseTimer::overdue() const {
  const std::lock_guard lock(mutex_);
  return overdue_;
}

void PulseTimer::run() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    if (!due_) {
      changed_.wait(lock);
      continue;
    }
    const RealTime due = *due_;
    if (std::chrono::steady_clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    lock.unlock();
    const bool done = off_(*this);
    lock.lock();
    if (due_ != due) continue;  // armed or cancelled meanwhile
    overdue_ = !done;
    if (done) {
      due_.reset();
    } else {
      due_ = std::chrono::steady_clock::now() + 100ms;
    }
  }
  const bool on = due_.has_value();
  lock.unlock();
  if (on) off_(*this);
}

}  // namespace lineside::gateway
