#pragma once
// What waits for an asset's thread: blocks, bounded in number and in bytes, and what the source has to say besides.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "gateway/api/waveform_source.h"

namespace lineside::gateway {

// Thread-safe. When it is full the oldest blocks go, counted; a block that alone is above the bytes is not taken, and
// counted too. Words take no block's place, however many come: only the newest of each kind is kept.
class BlockQueue {
 public:
  struct Words {             // since the last pop()
    std::string bad;         // why a message was no block; empty: there was none
    std::optional<bool> up;  // the way to the source changed: how it is now
    std::string down;        // why it was gone in between, or is; empty: it was not
  };
  struct Taken {
    std::optional<WaveformBlock> block;
    Words words;
  };
  BlockQueue(std::size_t blocks_max, std::uint64_t bytes_max) : blocks_max_(blocks_max), bytes_max_(bytes_max) {}

  void push(WaveformBlock block);
  void note_bad(const std::string& why);
  void note_source(bool up, const std::string& why);

  // The oldest block and all words, as soon as there is one or the other; neither after `wait_max` and after close().
  Taken pop(nanoseconds wait_max);
  void close();  // nothing is taken any more; what waits is dropped, counted
  bool closed() const;
  std::uint64_t dropped() const;

 private:
  void drop_oldest();  // with the mutex held

  const std::size_t blocks_max_;
  const std::uint64_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<WaveformBlock> blocks_;
  std::uint64_t bytes_ = 0, dropped_ = 0;
  Words words_;
  bool has_words_ = false, closed_ = false;
};

}  // namespace lineside::gateway
