#pragma once
// What stands between an RTSP source and raw pictures: chosen when the camera has said what it sends. Only one video
// stream is taken; sound and metadata streams are never set up. Codecs: H.264, H.265, JPEG (RFC 6184, 7798, 2435).
#include <atomic>

typedef struct _GstCaps GstCaps;
typedef struct _GstElement GstElement;
typedef struct _GstPad GstPad;

namespace lineside::gateway {

// Must outlive the pipeline. Failures are posted on the pipeline's bus as errors.
class RtspDecode {
 public:
  // `pipeline` holds `source` (rtspsrc) and an element named "convert" that takes raw video.
  void attach(GstElement* pipeline, GstElement* source);

 private:
  static int on_select_stream(GstElement* source, unsigned number, GstCaps* caps, void* self);
  static void on_pad_added(GstElement* source, GstPad* pad, void* self);

  GstElement* pipeline_ = nullptr;
  std::atomic<bool> video_selected_{false};
};

}  // namespace lineside::gateway
