#include "gateway/inspection/frame_slots.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace lineside::gateway {
namespace {

bool change(FrameSlot& slot, SlotState from, SlotState to) {
  return slot.state.compare_exchange_strong(from, to, std::memory_order_seq_cst);
}

}  // namespace

FrameSlots::FrameSlots(std::size_t waiting_max)
    : waiting_max_(std::clamp<std::size_t>(waiting_max, 1, kWaitingMax)), count_(waiting_max_ + kSpareSlots) {}

FrameSlots::~FrameSlots() {
  for (FrameSlot& slot : slots_) release(slot);
}

void FrameSlots::prepare(int width, int height, PixelFormat format) {
  width_ = width;
  height_ = height;
  format_ = format;
  const int stride = width * channels_of(format);
  const std::size_t bytes = static_cast<std::size_t>(stride) * static_cast<std::size_t>(height);
  pixels_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes * count_);
  prepared_.store(true, std::memory_order_release);
}

bool FrameSlots::fits(const ImageView& image) const {
  return image.data != nullptr && image.width == width_ && image.height == height_ && image.format == format_;
}

FrameSlot* FrameSlots::acquire() { return take_free(SlotState::filling); }

FrameSlot* FrameSlots::acquire_to_park() { return take_free(SlotState::parking); }

FrameSlot* FrameSlots::take_free(SlotState to) {
  for (std::size_t i = 0; i < count_; ++i)
    if (slots_[i].state.load(std::memory_order_relaxed) == SlotState::free && change(slots_[i], SlotState::free, to))
      return &slots_[i];
  return nullptr;
}

void FrameSlots::fill(FrameSlot& slot, const FrameView& frame) {
  const ImageView& image = frame.image;
  slot.exposure = frame.exposure;
  slot.hold = frame.hold;
  slot.prepared_by = 0;
  if (slot.hold.keep != nullptr) {
    slot.hold.keep(slot.hold.frame);
    slot.image = image;
    return;
  }
  const int stride = width_ * channels_of(format_);
  const auto row_bytes = static_cast<std::size_t>(stride);
  std::uint8_t* to = pixels_.get() + index_of(slot) * row_bytes * static_cast<std::size_t>(height_);
  slot.image = {to, width_, height_, stride, format_};
  if (image.stride_bytes == stride) {
    std::memcpy(to, image.data, row_bytes * static_cast<std::size_t>(height_));
    return;
  }
  for (int y = 0; y < height_; ++y)
    std::memcpy(to + static_cast<std::size_t>(y) * row_bytes,
                image.data + static_cast<std::ptrdiff_t>(y) * image.stride_bytes, row_bytes);
}

void FrameSlots::release(FrameSlot& slot) {
  if (slot.hold.drop != nullptr) slot.hold.drop(slot.hold.frame);
  slot.hold = {};
  slot.state.store(SlotState::free, std::memory_order_release);
}

bool FrameSlots::publish(FrameSlot& slot) {
  if (waiting_.fetch_add(1, std::memory_order_seq_cst) >= waiting_max_) {
    waiting_.fetch_sub(1, std::memory_order_seq_cst);
    release(slot);
    return false;
  }
  slot.order.store(published_.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
  slot.state.store(SlotState::waiting, std::memory_order_seq_cst);
  return true;
}

bool FrameSlots::being_filled() const {
  return std::any_of(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(count_), [](const FrameSlot& slot) {
    return slot.state.load(std::memory_order_acquire) == SlotState::filling;
  });
}

FrameSlot* FrameSlots::take() {
  for (;;) {
    FrameSlot* oldest = nullptr;
    std::uint64_t oldest_order = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (slots_[i].state.load(std::memory_order_acquire) != SlotState::waiting) continue;
      const std::uint64_t order = slots_[i].order.load(std::memory_order_relaxed);
      if (oldest != nullptr && order >= oldest_order) continue;
      oldest = &slots_[i];
      oldest_order = order;
    }
    if (oldest == nullptr) return nullptr;
    if (!change(*oldest, SlotState::waiting, SlotState::running)) continue;
    waiting_.fetch_sub(1, std::memory_order_seq_cst);
    return oldest;
  }
}

bool FrameSlots::lend(FrameSlot& slot) {
  std::size_t lent = 0;
  for (std::size_t i = 0; i < count_; ++i)
    lent += slots_[i].state.load(std::memory_order_relaxed) == SlotState::lent ? 1 : 0;
  if (lent >= kLentMax) return false;
  slot.state.store(SlotState::lent, std::memory_order_release);
  return true;
}

bool FrameSlots::park(FrameSlot& slot) {
  FrameSlot* newest = &slot;
  bool freed = false;
  while (FrameSlot* other = unpark()) {
    if (other->exposure > newest->exposure) std::swap(other, newest);
    release(*other);
    freed = true;
  }
  newest->state.store(SlotState::parked, std::memory_order_seq_cst);
  return freed;
}

FrameSlot* FrameSlots::unpark() {
  for (std::size_t i = 0; i < count_; ++i)
    if (slots_[i].state.load(std::memory_order_seq_cst) == SlotState::parked &&
        change(slots_[i], SlotState::parked, SlotState::parking))
      return &slots_[i];
  return nullptr;
}

}  // namespace lineside::gateway
