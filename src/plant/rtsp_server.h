#pragma once
// Cameras as RTSP servers (RFC 2326) on GStreamer's RTSP server library: pictures in, H.264 or JPEG over RTP out.
// Each picture is coded by itself (every frame a key frame) at once, so a viewer starts with any of them and the only
// delay is coding and sending. RTP timestamps are the moments the pictures were taken, and RTCP sender reports carry
// the machine's clock.
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "model/image.h"

namespace lineside::plant {

enum class VideoCodec : std::uint8_t { h264, mjpeg };

// One camera: rtsp://ADDRESS:PORT/NAME. Thread-safe.
class VideoStream {
 public:
  // `nobody`: there is no viewer, or the coder is more than a few pictures behind; `preparing`: a viewer is connecting,
  // and this may become the first picture it sees; `playing`: it goes to the viewers there are. Never blocks. A picture
  // of another size is sent as such.
  enum class Sent : std::uint8_t { nobody, preparing, playing };
  Sent push(const Image& picture, MonoTime taken);
  // Off: viewers are disconnected and new ones refused, as when the camera loses its power.
  void set_power(bool on);
  ~VideoStream();

 private:
  friend class RtspServer;
  struct State;
  explicit VideoStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One listening port; a thread of its own. Destroy its streams' users first; stops when destroyed.
class RtspServer {
 public:
  // Errors: address_in_use, internal (GStreamer can't be set up).
  static Result<std::unique_ptr<RtspServer>> start(const std::string& address, int port);
  ~RtspServer();
  // The stream lives as long as the server. Errors: runtime_unavailable when a GStreamer element is missing.
  Result<VideoStream*> add_stream(const std::string& name, VideoCodec codec, double rate_hz);

 private:
  struct State;
  explicit RtspServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::plant
