#include "gateway/inspection/live_picture.h"

#include <cstring>
#include <format>
#include <thread>

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kLookEvery{10};

}  // namespace

void LivePicture::offer(const FrameView& frame) {
  State wanted = State::wanted;
  if (state_.load(std::memory_order_relaxed) != wanted || frame.damaged || frame.image.data == nullptr) return;
  const ImageView& image = frame.image;
  const auto row_bytes = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(channels_of(image.format));
  const std::size_t bytes = row_bytes * static_cast<std::size_t>(image.height);
  if (!state_.compare_exchange_strong(wanted, State::filling, std::memory_order_acquire)) return;
  if (bytes > image_.pixels.size()) {
    bytes_needed_.store(bytes, std::memory_order_relaxed);
    return state_.store(State::full, std::memory_order_release);
  }
  image_.width = image.width;
  image_.height = image.height;
  image_.format = image.format;
  for (int y = 0; y < image.height; ++y)
    std::memcpy(image_.pixels.data() + static_cast<std::size_t>(y) * row_bytes,
                image.data + static_cast<std::ptrdiff_t>(y) * image.stride_bytes, row_bytes);
  bytes_needed_.store(0, std::memory_order_relaxed);
  state_.store(State::full, std::memory_order_release);
}

bool LivePicture::wait_full(MonoTime until) const {
  while (state_.load(std::memory_order_acquire) != State::full) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(kLookEvery);
  }
  return true;
}

Result<Image> LivePicture::take(nanoseconds wait_max) {
  const std::unique_lock looker(looker_, std::try_to_lock);
  if (!looker) return fail(ErrorCode::limit_reached, "somebody else is looking through this camera; try again");
  const MonoTime until = std::chrono::steady_clock::now() + wait_max;
  for (;;) {
    state_.store(State::wanted, std::memory_order_release);
    if (!wait_full(until)) {
      State wanted = State::wanted;
      if (state_.compare_exchange_strong(wanted, State::idle, std::memory_order_acquire))
        return fail(ErrorCode::timeout,
                    std::format("no picture came within {} ms",
                                std::chrono::duration_cast<std::chrono::milliseconds>(wait_max).count()));
      wait_full(MonoTime::max());  // it is being copied right now
    }
    const std::size_t needed = bytes_needed_.exchange(0, std::memory_order_relaxed);
    if (needed == 0) break;
    image_.pixels.resize(needed);
  }
  Image taken = image_;
  taken.pixels.resize(static_cast<std::size_t>(taken.width) * static_cast<std::size_t>(taken.height) *
                      static_cast<std::size_t>(channels_of(taken.format)));
  state_.store(State::idle, std::memory_order_relaxed);
  return taken;
}

}  // namespace lineside::gateway
