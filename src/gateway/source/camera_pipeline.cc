#include "gateway/source/camera_pipeline.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <array>
#include <format>

#include "gateway/source/rtsp_decode.h"
#include "vision/jpeg_damage.h"

namespace lineside::gateway {
namespace {

using Kind = config::CameraSettings::Kind;

constexpr int kSinkBuffers = 2;
constexpr guint64 kRtspTcpTimeoutUs = 5'000'000;

std::string package_of(std::string_view element) {
  if (element == "aravissrc") return "libaravis-0.8-0";
  if (element.starts_with("avdec_")) return "gstreamer1.0-libav";
  if (element == "h264parse" || element == "h265parse") return "gstreamer1.0-plugins-bad";
  if (element == "videoconvert" || element == "decodebin" || element == "appsink") return "gstreamer1.0-plugins-base";
  return "gstreamer1.0-plugins-good";
}

Result<void> start_gstreamer() {
  static const Result<void> started = []() -> Result<void> {
    GError* error = nullptr;
    if (gst_init_check(nullptr, nullptr, &error)) return {};
    std::string why = error ? error->message : "unknown reason";
    g_clear_error(&error);
    return fail(ErrorCode::camera_unavailable, "GStreamer does not start: " + why);
  }();
  return started;
}

Result<void> need(const config::CameraSettings& camera, std::initializer_list<const char*> elements) {
  for (const char* element : elements) {
    if (GstElementFactory* factory = gst_element_factory_find(element)) {
      gst_object_unref(factory);
      continue;
    }
    return fail(ErrorCode::camera_unavailable,
                std::format("{}: GStreamer's element '{}' is not installed; install the package {}", describe(camera),
                            element, package_of(element)));
  }
  return {};
}

// GStreamer's message and, from the last line of its debug text, the reason below it ("Timeout while waiting ...").
std::string plain_reason(std::string_view message, std::string_view debug) {
  if (debug.contains("Failed to connect")) return "nothing takes the connection at its address";
  std::string reason(message.ends_with('.') ? message.substr(0, message.size() - 1) : message);
  if (const auto line = debug.rfind('\n'); line != std::string_view::npos && line + 1 < debug.size())
    reason += std::format(" ({})", debug.substr(line + 1));
  return reason;
}

GstElement* parse(const std::string& text, std::string& why) {
  GError* error = nullptr;
  GstElement* element = gst_parse_launch_full(text.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (error != nullptr) why = error->message;
  g_clear_error(&error);
  if (element == nullptr && why.empty()) why = "it can't be parsed";
  return element;
}

template <class Use>
void for_each_element(GstElement* pipeline, Use&& use) {
  GstIterator* elements = gst_bin_iterate_recurse(GST_BIN(pipeline));
  GValue item = G_VALUE_INIT;
  while (gst_iterator_next(elements, &item) == GST_ITERATOR_OK) {
    use(GST_ELEMENT(g_value_get_object(&item)));
    g_value_reset(&item);
  }
  g_value_unset(&item);
  gst_iterator_free(elements);
}

// Text between the camera and the appsink; values with free text in them are set as properties, never pasted in.
std::string text_of(const config::CameraSettings& camera) {
  const std::string tail =
      "videoconvert name=convert n-threads=1 ! appsink name=lineside_sink "
      "caps=\"video/x-raw,format=(string){RGB,GRAY8}\"";
  std::string size;
  if (camera.width > 0) size += std::format(",width={}", camera.width);
  if (camera.height > 0) size += std::format(",height={}", camera.height);
  switch (camera.kind) {
    case Kind::rtsp:
      return "rtspsrc name=camera " + tail;  // linked when the camera has said what it sends
    case Kind::v4l2:
      return std::format("v4l2src name=camera ! video/x-raw{0};image/jpeg{0} ! decodebin ! {1}", size, tail);
    case Kind::gige:
      return std::format("aravissrc name=camera ! video/x-raw{} ! {}", size, tail);
    case Kind::pipeline:
    case Kind::folder:
      break;
  }
  return camera.pipeline + " ! " + tail;
}

void set_camera_properties(const config::CameraSettings& camera, GstElement* source) {
  if (camera.kind == Kind::rtsp) {
    gst_util_set_object_arg(G_OBJECT(source), "protocols", "tcp");
    g_object_set(source, "location", camera.url.c_str(), "latency", 0U, "tcp-timeout", kRtspTcpTimeoutUs, nullptr);
  } else if (camera.kind == Kind::v4l2) {
    g_object_set(source, "device", camera.device.c_str(), nullptr);
  } else if (camera.kind == Kind::gige && !camera.device.empty()) {
    g_object_set(source, "camera-name", camera.device.c_str(), nullptr);
  }
}

}  // namespace

struct CameraPipeline::State {
  const config::CameraSettings& camera;
  Clock& clock;
  GstElement* pipeline = nullptr;
  GstElement* sink = nullptr;
  GstBus* bus = nullptr;
  std::uint64_t arrived = 0;  // the streaming thread's
  bool jpeg_damaged = false;  // the thread's that decodes
  bool live = false, live_known = false;
  std::uint64_t broken = 0;
  RtspDecode decode{};

  static GstPadProbeReturn on_jpeg(GstPad*, GstPadProbeInfo* info, gpointer self);
  static GstPadProbeReturn on_jpeg_picture(GstPad*, GstPadProbeInfo* info, gpointer self);
  static void on_element(GstBin*, GstBin*, GstElement* element, gpointer self);
  static GstPadProbeReturn on_arrival(GstPad*, GstPadProbeInfo* info, gpointer self);
  void pop_messages(std::string& failure);
  FrameView view_of(GstBuffer* buffer, const GstVideoFrame& frame);
  bool may_keep(GstBuffer* buffer);
  GstBufferPool* known_pool = nullptr;  // a reference: its address can't become another pool's
  bool known_pool_is_unlimited = false;
};

// Stamps each frame where it arrives, so that a frame that waits for its taker doesn't look younger than it is. OFFSET
// and OFFSET_END of a raw video buffer are free for the application.
GstPadProbeReturn CameraPipeline::State::on_arrival(GstPad*, GstPadProbeInfo* info, gpointer self) {
  auto* state = static_cast<State*>(self);
  auto* buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
  GST_BUFFER_OFFSET(buffer) = state->arrived++;
  GST_BUFFER_OFFSET_END(buffer) = static_cast<guint64>(state->clock.mono().time_since_epoch().count());
  GST_PAD_PROBE_INFO_DATA(info) = buffer;
  return GST_PAD_PROBE_OK;
}

// GStreamer's JPEG decoder gives a picture of damaged data without a word. It leaves the decoder within this call, and
// carries the mark from there: who takes it may be another thread.
GstPadProbeReturn CameraPipeline::State::on_jpeg(GstPad*, GstPadProbeInfo* info, gpointer self) {
  GstMapInfo map;
  GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) return GST_PAD_PROBE_OK;
  static_cast<State*>(self)->jpeg_damaged = vision::jpeg_damage({map.data, map.size}).has_value();
  gst_buffer_unmap(buffer, &map);
  return GST_PAD_PROBE_OK;
}

GstPadProbeReturn CameraPipeline::State::on_jpeg_picture(GstPad*, GstPadProbeInfo* info, gpointer self) {
  if (!std::exchange(static_cast<State*>(self)->jpeg_damaged, false)) return GST_PAD_PROBE_OK;
  auto* buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_CORRUPTED);
  GST_PAD_PROBE_INFO_DATA(info) = buffer;
  return GST_PAD_PROBE_OK;
}

void CameraPipeline::State::on_element(GstBin*, GstBin*, GstElement* element, gpointer self) {
  const GstElementFactory* factory = gst_element_get_factory(element);
  if (factory == nullptr || std::string_view(GST_OBJECT_NAME(factory)) != "jpegdec") return;
  const auto watch = [&](const char* name, GstPadProbeCallback callback) {
    GstPad* pad = gst_element_get_static_pad(element, name);
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, callback, self, nullptr);
    gst_object_unref(pad);
  };
  watch("sink", &State::on_jpeg);
  watch("src", &State::on_jpeg_picture);
}

void CameraPipeline::State::pop_messages(std::string& failure) {
  constexpr auto wanted = static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_QOS);
  while (GstMessage* message = gst_bus_pop_filtered(bus, wanted)) {
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_QOS) {
      if (GST_IS_VIDEO_DECODER(GST_MESSAGE_SRC(message))) ++broken;  // the sink's QoS is off: only damage drops a frame
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
      if (failure.empty()) failure = "the stream has ended";
    } else if (failure.empty()) {
      GError* error = nullptr;
      gchar* debug = nullptr;
      gst_message_parse_error(message, &error, &debug);
      failure = plain_reason(error->message, debug ? debug : "");
      g_free(debug);
      g_clear_error(&error);
    }
    gst_message_unref(message);
  }
}

// A pool with a fixed number of buffers is a driver's: who keeps them stops the camera. A buffer without a pool may
// wrap memory that its source writes the next frames to (aravissrc does). Memory of another kind than the system's may
// go away when it is unmapped.
bool CameraPipeline::State::may_keep(GstBuffer* buffer) {
  if (gst_buffer_n_memory(buffer) != 1 || !gst_memory_is_type(gst_buffer_peek_memory(buffer, 0), GST_ALLOCATOR_SYSMEM))
    return false;
  if (buffer->pool == nullptr) return false;
  if (buffer->pool != known_pool) {
    GstStructure* config = gst_buffer_pool_get_config(buffer->pool);
    guint buffers_max = 1;
    known_pool_is_unlimited =
        gst_buffer_pool_config_get_params(config, nullptr, nullptr, nullptr, &buffers_max) && buffers_max == 0;
    gst_structure_free(config);
    gst_object_replace(reinterpret_cast<GstObject**>(&known_pool), GST_OBJECT(buffer->pool));
  }
  return known_pool_is_unlimited;
}

FrameView CameraPipeline::State::view_of(GstBuffer* buffer, const GstVideoFrame& frame) {
  FrameView view;
  const bool gray = GST_VIDEO_FRAME_FORMAT(&frame) == GST_VIDEO_FORMAT_GRAY8;
  view.image = {static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)), GST_VIDEO_FRAME_WIDTH(&frame),
                GST_VIDEO_FRAME_HEIGHT(&frame), GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0),
                gray ? PixelFormat::gray8 : PixelFormat::rgb8};
  view.sequence = GST_BUFFER_OFFSET(buffer);
  view.damaged = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_CORRUPTED);
  if (may_keep(buffer))
    view.hold = {buffer, [](void* kept) { gst_buffer_ref(static_cast<GstBuffer*>(kept)); },
                 [](void* kept) { gst_buffer_unref(static_cast<GstBuffer*>(kept)); }};
  const MonoTime arrival{nanoseconds{static_cast<std::int64_t>(GST_BUFFER_OFFSET_END(buffer))}};
  view.exposure = arrival;
  if (!live_known) {
    GstQuery* query = gst_query_new_latency();
    gboolean is_live = FALSE;
    if (gst_element_query(pipeline, query)) gst_query_parse_latency(query, &is_live, nullptr, nullptr);
    gst_query_unref(query);
    live = is_live != FALSE;
    live_known = true;
  }
  // A live source stamps buffers in its pipeline's clock, CLOCK_MONOTONIC like ours: V4L2 and GigE with the driver's
  // capture time, RTSP with the time its first packet was received.
  if (live && GST_BUFFER_PTS_IS_VALID(buffer)) {
    const MonoTime stamped{
        nanoseconds{static_cast<std::int64_t>(gst_element_get_base_time(pipeline) + GST_BUFFER_PTS(buffer))}};
    if (stamped <= arrival && arrival - stamped < camera.stall_max) {
      view.exposure = stamped;
      view.exposure_known = camera.kind == Kind::v4l2 || camera.kind == Kind::gige;
    }
  }
  return view;
}

CameraPipeline::CameraPipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}

CameraPipeline::~CameraPipeline() {
  gst_element_set_state(state_->pipeline, GST_STATE_NULL);
  gst_object_unref(state_->bus);
  gst_object_unref(state_->sink);
  gst_object_unref(state_->pipeline);
  gst_clear_object(&state_->known_pool);
}

Result<std::unique_ptr<CameraPipeline>> CameraPipeline::open(const config::CameraSettings& camera, Clock& clock) {
  LINESIDE_TRY(start_gstreamer());
  std::string why;
  GstElement* pipeline = parse(text_of(camera), why);
  if (!why.empty()) {
    if (pipeline) gst_object_unref(pipeline);
    return fail(ErrorCode::camera_unavailable, without_credentials(why));
  }
  auto state = std::make_unique<State>(camera, clock, pipeline);
  state->sink = gst_bin_get_by_name(GST_BIN(pipeline), "lineside_sink");
  state->bus = gst_element_get_bus(pipeline);
  g_object_set(state->sink, "max-buffers", kSinkBuffers, "drop", TRUE, "sync", FALSE, "qos", FALSE, "emit-signals",
               FALSE, "enable-last-sample", FALSE, nullptr);
  GstPad* pad = gst_element_get_static_pad(state->sink, "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, &State::on_arrival, state.get(), nullptr);
  gst_object_unref(pad);
  // Decoders in the text, and those that come when the camera has said what it sends.
  for_each_element(pipeline, [&](GstElement* element) { State::on_element(nullptr, nullptr, element, state.get()); });
  g_signal_connect(pipeline, "deep-element-added", G_CALLBACK(&State::on_element), state.get());
  if (camera.kind != Kind::pipeline) {
    GstElement* source = gst_bin_get_by_name(GST_BIN(pipeline), "camera");
    set_camera_properties(camera, source);
    if (camera.kind == Kind::rtsp) state->decode.attach(pipeline, source);
    gst_object_unref(source);
  }
  auto opened = std::unique_ptr<CameraPipeline>(new CameraPipeline(std::move(state)));
  if (gst_element_set_state(pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
    opened->state_->pop_messages(why);
    return fail(ErrorCode::camera_unavailable, why.empty() ? "it can't be opened" : without_credentials(why));
  }
  return opened;
}

Result<bool> CameraPipeline::next(nanoseconds wait_max, const Take& take) {
  GstSample* sample =
      gst_app_sink_try_pull_sample(GST_APP_SINK(state_->sink), static_cast<GstClockTime>(wait_max.count()));
  std::string failure;
  if (sample != nullptr) {
    GstVideoInfo info;
    GstVideoFrame frame;
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    if (gst_video_info_from_caps(&info, gst_sample_get_caps(sample)) &&
        gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) {
      take(state_->view_of(buffer, frame));
      gst_video_frame_unmap(&frame);
    } else {
      ++state_->broken;
    }
    gst_sample_unref(sample);
  }
  state_->pop_messages(failure);
  if (!failure.empty()) return fail(ErrorCode::camera_unavailable, without_credentials(std::move(failure)));
  return sample != nullptr;
}

std::uint64_t CameraPipeline::take_broken_count() { return std::exchange(state_->broken, 0); }

Result<void> check_gstreamer(const config::CameraSettings& camera) {
  LINESIDE_TRY(start_gstreamer());
  LINESIDE_TRY(need(camera, {"videoconvert", "appsink"}));
  switch (camera.kind) {
    case Kind::rtsp:
      return need(camera, {"rtspsrc", "rtph264depay", "h264parse", "rtpjpegdepay", "jpegdec"});
    case Kind::v4l2:
      return need(camera, {"v4l2src", "decodebin", "jpegdec"});
    case Kind::gige:
      return need(camera, {"aravissrc"});
    case Kind::pipeline:
    case Kind::folder:
      break;
  }
  std::string why;
  GstElement* pipeline = parse(text_of(camera), why);
  if (pipeline != nullptr) gst_object_unref(pipeline);
  if (why.empty()) return {};
  return fail(ErrorCode::config_invalid,
              std::format("{}: GStreamer does not accept its text: {}", describe(camera), without_credentials(why)));
}

std::string without_credentials(std::string text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const auto begin = at + 3;
    const auto end = std::min(text.find_first_of("/ \t\n\"'", begin), text.size());
    const auto sign = text.rfind('@', end == 0 ? 0 : end - 1);
    if (sign != std::string::npos && sign >= begin && sign < end) text.replace(begin, sign - begin, "***");
  }
  return text;
}

std::string describe(const config::CameraSettings& camera) {
  std::string where;
  switch (camera.kind) {
    case Kind::rtsp:
      where = camera.url;
      break;
    case Kind::v4l2:
      where = camera.device;
      break;
    case Kind::gige:
      where = camera.device.empty() ? "the first GigE camera found" : "GigE camera " + camera.device;
      break;
    case Kind::pipeline:
      where = "a GStreamer pipeline";
      break;
    case Kind::folder:
      where = camera.path;
      break;
  }
  return std::format("camera '{}' ({})", camera.name, without_credentials(where));
}

}  // namespace lineside::gateway
