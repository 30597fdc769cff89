#pragma once
// What put() has taken and the disk does not have yet: a bounded ring for one lane. Not thread-safe; Outbox locks it.
// A record that finds it full is lost, but its sequence is not: one loss entry at the end of the ring grows over it.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gateway/outbox/outbox.h"
#include "model/record.h"
#include "wire/batch.h"

namespace lineside::gateway {

class LaneQueue {
 public:
  struct Entry {
    std::uint64_t first = 0, sequence = 0;
    RecordBody body;
    std::size_t bytes = 0;  // about what it takes in memory
  };

  // The ring has one place more than `capacity`, for the loss entry.
  LaneQueue(Lane lane, std::size_t capacity, std::size_t bytes_max)
      : lane_(lane), capacity_(capacity == 0 ? 1 : capacity), bytes_max_(bytes_max), ring_(capacity_ + 1) {}

  // False if the record was lost and declared instead.
  bool push(std::uint64_t sequence, RecordBody&& body, WallTime now) {
    const std::size_t bytes = weight(body);
    if (size_ < capacity_ && bytes_ + bytes <= bytes_max_) {
      place({sequence, sequence, std::move(body), bytes});
      return true;
    }
    if (size_ > 0) {
      Entry& tail = ring_[(head_ + size_ - 1) % ring_.size()];
      if (auto* loss = std::get_if<LossRecord>(&tail.body); loss != nullptr && loss->cause == "queue.full") {
        tail.sequence = loss->last = sequence;
        return false;
      }
    }
    place({sequence, sequence, LossRecord{lane_, sequence, sequence, "queue.full", now}, sizeof(Entry)});
    return false;
  }

  // Moves the oldest entries, at most so many and about so many bytes, to the end of `out`.
  void pop(std::vector<Entry>& out, std::size_t count_max, std::size_t bytes_max) {
    for (std::size_t taken = 0; size_ > 0 && count_max > 0 && taken < bytes_max; --count_max, --size_) {
      Entry& head = ring_[head_];
      taken += head.bytes;
      bytes_ -= head.bytes;
      out.push_back(std::move(head));
      head = {};
      head_ = (head_ + 1) % ring_.size();
    }
  }

  // Every sequence less `by`: the lane begins a new epoch.
  void renumber(std::uint64_t by) {
    for (std::size_t i = 0; i < size_; ++i) {
      Entry& entry = ring_[(head_ + i) % ring_.size()];
      entry.first -= by;
      entry.sequence -= by;
      if (auto* loss = std::get_if<LossRecord>(&entry.body)) loss->first = entry.first, loss->last = entry.sequence;
    }
  }

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }

 private:
  static std::size_t weight(const RecordBody& body) {
    std::size_t bytes = sizeof(Entry);
    if (const auto* picture = std::get_if<PictureRecord>(&body)) bytes += picture->jpeg.size();
    if (const auto* block = std::get_if<TagBlock>(&body)) bytes += block->bytes.size() + block->plan.size();
    if (const auto* asset = std::get_if<AssetSummary>(&body))
      for (const AssetSpectrum& one : asset->spectra) bytes += sizeof one + 4 * one.low_hz.size() * sizeof(float);
    return bytes;
  }
  void place(Entry&& entry) {
    bytes_ += entry.bytes;
    ring_[(head_ + size_) % ring_.size()] = std::move(entry);
    ++size_;
  }

  const Lane lane_;
  const std::size_t capacity_, bytes_max_;
  std::vector<Entry> ring_;
  std::size_t head_ = 0, size_ = 0, bytes_ = 0;
};

struct ForDisk {
  StoredRecord stored;
  bool too_large = false;  // it has become its own loss
};
inline ForDisk for_disk(Lane lane, const LaneQueue::Entry& entry, WallTime now) {
  ForDisk record{{entry.first, entry.sequence, wire::encode_record({entry.sequence, entry.body})}};
  record.too_large = record.stored.bytes.size() > wire::kRecordBytesMax;
  if (record.too_large)
    record.stored.bytes =
        wire::encode_record({entry.sequence, LossRecord{lane, entry.first, entry.sequence, "record.too_large", now}});
  return record;
}

}  // namespace lineside::gateway
