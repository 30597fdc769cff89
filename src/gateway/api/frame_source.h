#pragma once
// Where frames come from: cameras (GStreamer) and replay folders stand behind this.
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "model/image.h"

namespace lineside::gateway {

// Lets a taker keep a frame's pixels instead of copying them: keep() during the call that hands them over, drop() once,
// later, from any thread. Kept pixels stay as they are until then, or until the source is destroyed. Neither blocks.
// Null functions: these pixels can't be kept (a driver lends one of its few buffers), they must be copied.
struct FrameHold {
  void* frame = nullptr;
  void (*keep)(void* frame) = nullptr;
  void (*drop)(void* frame) = nullptr;
};

// One picture. The pixels are the source's and valid only during the call that hands the view over, or while held.
struct FrameView {
  ImageView image;
  MonoTime exposure{};  // when taken, or when received if the camera does not say
  bool exposure_known = false;
  std::uint64_t sequence = 0;  // of this source, from 0; a jump means that the source lost frames
  std::string_view name;       // replay only: the file's name; else empty
  bool damaged = false;        // its pixels can't be trusted or are not there: an item that it shows gets fail-safe
  FrameHold hold{};
};

enum class SourceState : std::uint8_t { starting, up, down };

// Called on the source's own thread. Must return quickly and must not block (law 4).
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void on_frame(const FrameView& frame) = 0;
  // `message` says what happened and what is done about it; empty when up.
  virtual void on_state(SourceState state, const Error& why) = 0;
  // A replay with rate 0 ("as fast as taken") calls it before each picture, no other source does: returns true as soon
  // as the sink has room for a picture, false after `wait_max`. The default takes everything at once.
  virtual bool wait_ready(nanoseconds wait_max) {
    static_cast<void>(wait_max);
    return true;
  }
};

class FrameSource {
 public:
  virtual ~FrameSource() = default;  // stops
  // Starts its thread(s); a camera that is not there is no error here but state `down`, retried with back-off.
  virtual Result<void> start(FrameSink& sink) = 0;
  virtual void stop() = 0;
};

}  // namespace lineside::gateway
