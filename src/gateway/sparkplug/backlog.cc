#include "gateway/sparkplug/backlog.h"

#include <algorithm>

namespace lineside::gateway {

Backlog::Backlog(std::size_t capacity, std::size_t devices, std::size_t tags, std::chrono::nanoseconds keep)
    : capacity_(std::max<std::size_t>(capacity, 1)), keep_(keep), devices_(devices), newest_(tags) {}

void Backlog::add(std::size_t device, const Sample& sample) {
  if (waiting_ == capacity_) lose_oldest();
  newest_[sample.tag] = next_;
  devices_[device].live.push_back({sample, next_++});
  ++waiting_;
}

void Backlog::lose_oldest() {
  std::deque<Entry>* oldest = nullptr;
  for (Device& device : devices_) {
    std::deque<Entry>& of_device = device.history.empty() ? device.live : device.history;
    if (!of_device.empty() && (oldest == nullptr || of_device.front().number < oldest->front().number))
      oldest = &of_device;
  }
  oldest->pop_front();
  --waiting_;
  ++lost_;
}

void Backlog::born(std::size_t device, MonoTime now) {
  auto& [history, live] = devices_[device];
  history.insert(history.end(), live.begin(), live.end());
  live.clear();
  waiting_ -= std::erase_if(history, [&](const Entry& entry) {
    const bool told = newest_[entry.sample.tag] == entry.number;
    if (told) keep_sent(device, entry, now);
    return told;
  });
}

void Backlog::keep_sent(std::size_t device, const Entry& entry, MonoTime now) {
  while (!sent_.empty() && (sent_.size() >= capacity_ || now - sent_.front().at > keep_)) sent_.pop_front();
  sent_.push_back({entry, device, now});
}

std::vector<Sample> Backlog::take_live(std::size_t device, std::size_t max, MonoTime now) {
  return take(device, devices_[device].live, max, now);
}

std::vector<Sample> Backlog::take_history(std::size_t device, std::size_t max, MonoTime now) {
  return take(device, devices_[device].history, max, now);
}

std::vector<Sample> Backlog::take(std::size_t device, std::deque<Entry>& from, std::size_t max, MonoTime now) {
  std::vector<Sample> taken;
  for (; !from.empty() && taken.size() < max; from.pop_front()) {
    taken.push_back(from.front().sample);
    keep_sent(device, from.front(), now);
    --waiting_;
  }
  return taken;
}

void Backlog::session_ended(MonoTime now) {
  for (; !sent_.empty(); sent_.pop_back()) {
    const Sent& sent = sent_.back();
    if (waiting_ == capacity_ || now - sent.at > keep_) continue;  // most likely it has arrived
    devices_[sent.device].history.push_back(sent.entry);
    ++waiting_;
  }
  for (auto& [history, live] : devices_) std::ranges::sort(history, {}, &Entry::number);
}

}  // namespace lineside::gateway
