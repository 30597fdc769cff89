#include "gateway/condition/block_queue.h"

#include <format>
#include <utility>

namespace lineside::gateway {
namespace {

std::uint64_t bytes_of(const WaveformBlock& block) {
  std::uint64_t bytes = sizeof block + block.values.capacity() * sizeof(float);
  for (const std::string& name : block.names) bytes += sizeof name + name.capacity();
  return bytes;
}

}  // namespace

void BlockQueue::drop_oldest() {
  bytes_ -= bytes_of(blocks_.front());
  blocks_.pop_front();
  ++dropped_;
}

void BlockQueue::push(WaveformBlock block) {
  const std::uint64_t bytes = bytes_of(block);
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || bytes > bytes_max_) {
      ++dropped_;
      if (closed_) return;
      words_.bad = std::format("a block takes {} bytes of memory, queue_bytes_max is {}", bytes, bytes_max_);
      has_words_ = true;
    } else {
      while (!blocks_.empty() && (blocks_.size() >= blocks_max_ || bytes_ + bytes > bytes_max_)) drop_oldest();
      bytes_ += bytes;
      blocks_.push_back(std::move(block));
    }
  }
  changed_.notify_one();
}

void BlockQueue::note_bad(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    words_.bad = why;
    has_words_ = true;
  }
  changed_.notify_one();
}

void BlockQueue::note_source(bool up, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    words_.up = up;
    if (!up) words_.down = why.empty() ? "it is gone" : why;
    has_words_ = true;
  }
  changed_.notify_one();
}

BlockQueue::Taken BlockQueue::pop(nanoseconds wait_max) {
  Taken taken;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait_max, [this] { return closed_ || has_words_ || !blocks_.empty(); });
  if (closed_) return taken;
  taken.words = std::exchange(words_, {});
  has_words_ = false;
  if (blocks_.empty()) return taken;
  bytes_ -= bytes_of(blocks_.front());
  taken.block = std::move(blocks_.front());
  blocks_.pop_front();
  return taken;
}

void BlockQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    while (!blocks_.empty()) drop_oldest();
  }
  changed_.notify_all();
}

bool BlockQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::uint64_t BlockQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace lineside::gateway
