#pragma once
// The frames of a camera on their way to the model, in a few slots. A slot holds on to the source's pixels where the
// source lets it, else it copies them into memory of its own that was allocated once.
//
//   free ─acquire()─► filling ─publish()─► waiting ─take()─► running ─release()─► free
//                                                               └─lend()─► lent ─release()─► free
//   free ─acquire_to_park()─► parking ─park()─► parked ─unpark()─► parking ─publish()─► waiting
//
// Each state change is one atomic operation; only the thread that made it touches the slot's other members, until the
// next change. No locks, no allocation after prepare().
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "gateway/api/frame_source.h"
#include "gateway/inspection/item_board.h"
#include "model/image.h"

namespace lineside::gateway {

enum class SlotState : std::uint8_t { free, filling, parking, parked, waiting, running, lent };

struct FrameSlot {
  std::atomic<SlotState> state{SlotState::free};
  std::atomic<std::uint64_t> order{0};  // of publishing
  ItemTicket ticket;
  MonoTime exposure{};
  ImageView image;                // the source's pixels, held, or a copy
  FrameHold hold;                 // of the source's pixels; null functions: a copy
  std::uint64_t prepared_by = 0;  // number of the model worker whose input was made of it already; 0: of none
};

class FrameSlots {
 public:
  static constexpr std::size_t kWaitingMax = 60, kLentMax = 4;

  // `waiting_max` (1..kWaitingMax): frames that may wait for the model. A few more slots are there for the frames that
  // are being copied, judged, parked or looked at by the sample store.
  explicit FrameSlots(std::size_t waiting_max);
  ~FrameSlots();  // lets go of the pixels that are still held; nobody uses a slot any more

  // Allocates for frames of this size and fixes it; before any other call. Pages that are never used cost nothing:
  // the lowest free slot is always taken first.
  void prepare(int width, int height, PixelFormat format);
  bool prepared() const { return prepared_.load(std::memory_order_acquire); }
  bool fits(const ImageView& image) const;
  int width() const { return width_; }
  int height() const { return height_; }
  PixelFormat format() const { return format_; }

  FrameSlot* acquire();                                // for an item's frame; null: all are in use
  FrameSlot* acquire_to_park();                        // for a frame that has no item yet
  void fill(FrameSlot& slot, const FrameView& frame);  // of a frame that fits
  bool publish(FrameSlot& slot);                       // false (and the slot is free again): waiting_max wait already
  bool being_filled() const;                           // some slot, for an item: it is published in a moment
  FrameSlot* take();                                   // the one that has waited longest; null: none
  bool park(FrameSlot& slot);  // a frame that no item wants yet; only the newest is kept. True: another was freed
  FrameSlot* unpark();         // null: none
  bool lend(FrameSlot& slot);  // to the sample store; false: it has kLentMax already, and items need the others
  static void release(FrameSlot& slot);
  std::size_t index_of(const FrameSlot& slot) const { return static_cast<std::size_t>(&slot - slots_.data()); }
  std::size_t waiting() const { return waiting_.load(std::memory_order_acquire); }

 private:
  FrameSlot* take_free(SlotState to);

  // Two being filled or parked, two running (while a new model takes over).
  static constexpr std::size_t kSpareSlots = 4 + kLentMax, kSlotsMax = kWaitingMax + kSpareSlots;

  const std::size_t waiting_max_, count_;
  std::array<FrameSlot, kSlotsMax> slots_;
  std::unique_ptr<std::uint8_t[]> pixels_;
  std::atomic<bool> prepared_{false};
  int width_ = 0, height_ = 0;
  PixelFormat format_ = PixelFormat::rgb8;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> published_{0};
};

}  // namespace lineside::gateway
