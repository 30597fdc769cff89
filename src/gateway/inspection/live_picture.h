#pragma once
// One picture of a camera for somebody who looks now (aiming it), taken off the hot path's way: the source's thread
// copies a frame only when one was asked for, after the frame is on its way to the model, into memory that the looker's
// thread has made ready. It never waits and never allocates.
//
//   idle ──take()──► wanted ──offer()──► filling ──► full ──take()──► idle
#include <atomic>
#include <mutex>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/api/frame_source.h"
#include "model/image.h"

namespace lineside::gateway {

class LivePicture {
 public:
  // Of the source's thread: a frame, in case somebody wants one. One relaxed load when nobody does.
  void offer(const FrameView& frame);

  // The next frame that comes within `wait_max`. Any thread but the source's; one looks at a time. Errors: timeout (no
  // frame came), limit_reached (another one is looking).
  Result<Image> take(nanoseconds wait_max);

 private:
  enum class State : std::uint8_t { idle, wanted, filling, full };
  bool wait_full(MonoTime until) const;  // false: not by then

  std::mutex looker_;
  std::atomic<State> state_{State::idle};
  std::atomic<std::size_t> bytes_needed_{0};  // of a frame that did not fit
  Image image_;                               // of whoever made the last change of state
};

}  // namespace lineside::gateway
