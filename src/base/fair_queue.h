#pragma once
// A bounded queue in which nobody takes all: elements wait by key (a tenant, a gateway, an address), and keys get their
// turn one after the other. Those of one key stay in order.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace lineside {

// Thread-safe, any number of producers and consumers. close() wakes everybody; nothing is given out after it.
template <class T>
class FairQueue {
 public:
  struct Limits {
    std::size_t waiting = 0, waiting_each = 0;              // elements: of all keys, of one
    std::size_t weight = SIZE_MAX, weight_each = SIZE_MAX;  // sums of what push() says; one element may be heavier
    std::size_t at_once = SIZE_MAX;                         // turns of one key that are not over
  };

  explicit FairQueue(const Limits& limits) : limits_(limits) {}

  // What is taken out. While it lives, it counts for its key. Must not outlive the queue.
  class Turn {
   public:
    Turn(FairQueue& queue, std::string key, T value_in)
        : value(std::move(value_in)), queue_(&queue), key_(std::move(key)) {}
    Turn(Turn&& other) noexcept
        : value(std::move(other.value)), queue_(std::exchange(other.queue_, nullptr)), key_(std::move(other.key_)) {}
    Turn& operator=(Turn&& other) noexcept {
      const Turn ended(std::move(*this));
      value = std::move(other.value);
      queue_ = std::exchange(other.queue_, nullptr);
      key_ = std::move(other.key_);
      return *this;
    }
    ~Turn() {
      if (queue_ != nullptr) queue_->end_turn(key_);
    }
    T value;

   private:
    FairQueue* queue_;
    std::string key_;
  };

  // False if it was not taken: closed, or too much waits, in all or of this key.
  bool push(const std::string& key, T value, std::size_t weight = 0) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || waiting_ >= limits_.waiting || (weight_ > 0 && weight_ + weight > limits_.weight)) return false;
      const auto found = lines_.find(key);
      const bool fits =
          found == lines_.end() || found->second.waiting.empty() ||
          (found->second.waiting.size() < limits_.waiting_each && found->second.weight + weight <= limits_.weight_each);
      if (!fits) return false;
      Line& line = lines_[key];
      if (line.waiting.empty()) order_.push_back(key);
      line.waiting.push_back({std::move(value), weight});
      line.weight += weight;
      weight_ += weight;
      ++waiting_;
    }
    changed_.notify_one();
    return true;
  }

  // The oldest element of the key whose turn it is; nothing after `wait_max` or when closed.
  std::optional<Turn> pop(std::chrono::nanoseconds wait_max) {
    std::unique_lock lock(mutex_);
    auto next = order_.end();
    const bool there = changed_.wait_for(lock, wait_max, [&] {
      next = std::ranges::find_if(order_, [&](const auto& key) { return lines_[key].turns < limits_.at_once; });
      return closed_ || next != order_.end();
    });
    if (!there || closed_) return std::nullopt;
    std::string key = std::move(*next);
    order_.erase(next);
    Line& line = lines_[key];
    Waiting first = std::move(line.waiting.front());
    line.waiting.pop_front();
    line.weight -= first.weight;
    weight_ -= first.weight;
    --waiting_;
    ++line.turns;
    if (!line.waiting.empty()) order_.push_back(key);
    return std::optional<Turn>(std::in_place, *this, std::move(key), std::move(first.value));
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  struct Waiting {
    T value;
    std::size_t weight = 0;
  };
  struct Line {
    std::deque<Waiting> waiting;
    std::size_t weight = 0, turns = 0;
  };

  void end_turn(const std::string& key) {
    {
      const std::lock_guard lock(mutex_);
      const auto line = lines_.find(key);
      if (--line->second.turns == 0 && line->second.waiting.empty()) lines_.erase(line);
    }
    changed_.notify_one();
  }

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Line> lines_;
  std::deque<std::string> order_;  // keys with something waiting, each once
  std::size_t waiting_ = 0, weight_ = 0;
  bool closed_ = false;
};

}  // namespace lineside
