#include "plant/rtsp_server.h"

#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <gst/video/video.h>

#include <cmath>

#include "base/log.h"

namespace lineside::plant {

namespace {

constexpr std::uint64_t kPicturesWaitingMax = 3;

struct ObjectUnref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, ObjectUnref>;

Result<void> set_up_gstreamer() {
  GError* error = nullptr;
  if (gst_init_check(nullptr, nullptr, &error) != 0) return {};
  std::string reason = error != nullptr ? error->message : "unknown";
  g_clear_error(&error);
  return fail(ErrorCode::internal, "GStreamer can't be set up: " + reason);
}

std::string pipeline_text(VideoCodec codec) {
  const std::string head = "( appsrc name=frames is-live=true format=time block=false ! videoconvert n-threads=1 ! ";
  if (codec == VideoCodec::mjpeg)
    return head + "video/x-raw,format=I420 ! jpegenc quality=92 ! rtpjpegpay name=pay0 pt=26 )";
  return head +
         "video/x-raw,format=I420 ! openh264enc gop-size=1 complexity=low rate-control=off qp-min=20 qp-max=24 "
         "multi-thread=1 scene-change-detection=false background-detection=false "
         "! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency )";
}

}  // namespace

struct VideoStream::State {
  GstRTSPServer* server = nullptr;
  Owned<GstRTSPMediaFactory> factory;
  std::string path;
  int rate_numerator = 10, rate_denominator = 1;

  std::mutex mutex;
  Owned<GstRTSPMedia> media;  // while somebody watches
  Owned<GstElement> appsrc;
  int width = 0, height = 0;
  bool playing = false;  // not asked from the media: that would wait until it is prepared, which needs our pictures

  void configure(GstRTSPMedia* new_media) {
    Owned<GstElement> element(gst_rtsp_media_get_element(new_media));
    std::lock_guard lock(mutex);
    appsrc.reset(gst_bin_get_by_name_recurse_up(GST_BIN(element.get()), "frames"));
    media.reset(GST_RTSP_MEDIA(g_object_ref(new_media)));
    width = height = 0;
    playing = false;
  }

  void set_playing(GstRTSPMedia* changed, bool now_playing) {
    std::lock_guard lock(mutex);
    if (media.get() == changed) playing = now_playing;
  }

  void forget(GstRTSPMedia* old_media) {
    Owned<GstRTSPMedia> old;
    Owned<GstElement> source;
    std::lock_guard lock(mutex);
    if (media.get() != old_media) return;
    old = std::move(media);
    source = std::move(appsrc);
  }

  static void on_media(GstRTSPMediaFactory* factory, GstRTSPMedia* media, gpointer state);
  GstBuffer* make_buffer(const Image& picture, MonoTime taken) const;
  void disconnect_viewers();
};

void VideoStream::State::on_media(GstRTSPMediaFactory*, GstRTSPMedia* media, gpointer state) {
  static_cast<State*>(state)->configure(media);
  g_signal_connect(media, "new-state", G_CALLBACK(+[](GstRTSPMedia* changed, gint new_state, gpointer user) {
                     static_cast<State*>(user)->set_playing(changed, new_state == GST_STATE_PLAYING);
                   }),
                   state);
  g_signal_connect(media, "unprepared",
                   G_CALLBACK(+[](GstRTSPMedia* gone, gpointer user) { static_cast<State*>(user)->forget(gone); }),
                   state);
}

GstBuffer* VideoStream::State::make_buffer(const Image& picture, MonoTime taken) const {
  const std::size_t row = static_cast<std::size_t>(picture.width) * 3, stride = (row + 3) / 4 * 4;
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, stride * static_cast<std::size_t>(picture.height), nullptr);
  GstMapInfo map;
  if (gst_buffer_map(buffer, &map, GST_MAP_WRITE) != 0) {
    for (int y = 0; y < picture.height; ++y)
      std::copy_n(picture.pixels.data() + row * static_cast<std::size_t>(y), row,
                  map.data + stride * static_cast<std::size_t>(y));
    gst_buffer_unmap(buffer, &map);
  }
  // GStreamer's system clock and MonoTime are both the machine's monotonic clock.
  const auto base = static_cast<std::int64_t>(gst_element_get_base_time(appsrc.get()));
  const std::int64_t since_base = taken.time_since_epoch().count() - base;
  GST_BUFFER_PTS(buffer) = static_cast<GstClockTime>(std::max<std::int64_t>(since_base, 0));
  GST_BUFFER_DURATION(buffer) =
      gst_util_uint64_scale(GST_SECOND, static_cast<guint64>(rate_denominator), static_cast<guint64>(rate_numerator));
  return buffer;
}

VideoStream::VideoStream(std::unique_ptr<State> state) : state_(std::move(state)) {}

// The last viewer's media is taken down by a thread of GStreamer's: it may be forgetting it just now.
VideoStream::~VideoStream() {
  Owned<GstRTSPMedia> media;
  {
    std::lock_guard lock(state_->mutex);
    media = std::move(state_->media);
  }
  if (media) g_signal_handlers_disconnect_by_data(media.get(), state_.get());
}

VideoStream::Sent VideoStream::push(const Image& picture, MonoTime taken) {
  State& s = *state_;
  std::lock_guard lock(s.mutex);
  if (!s.appsrc) return Sent::nobody;
  auto* source = GST_APP_SRC(s.appsrc.get());
  if (gst_app_src_get_current_level_buffers(source) >= (s.playing ? kPicturesWaitingMax : 1)) return Sent::nobody;
  if (picture.width != s.width || picture.height != s.height) {
    GstCaps* caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "RGB", "width", G_TYPE_INT,
                                        picture.width, "height", G_TYPE_INT, picture.height, "framerate",
                                        GST_TYPE_FRACTION, s.rate_numerator, s.rate_denominator, nullptr);
    gst_app_src_set_caps(source, caps);
    gst_caps_unref(caps);
    s.width = picture.width;
    s.height = picture.height;
  }
  if (gst_app_src_push_buffer(source, s.make_buffer(picture, taken)) != GST_FLOW_OK) return Sent::nobody;
  return s.playing ? Sent::playing : Sent::preparing;
}

void VideoStream::State::disconnect_viewers() {
  struct Match {
    static GstRTSPFilterResult media(GstRTSPSession*, GstRTSPSessionMedia* session_media, gpointer data) {
      const auto* state = static_cast<State*>(data);
      gint matched = 0;
      if (gst_rtsp_session_media_matches(session_media, state->path.c_str(), &matched) == 0)
        return GST_RTSP_FILTER_KEEP;
      return GST_RTSP_FILTER_REF;
    }
    static GstRTSPFilterResult session(GstRTSPClient*, GstRTSPSession* rtsp_session, gpointer data) {
      GList* found = gst_rtsp_session_filter(rtsp_session, &Match::media, data);
      const bool here = found != nullptr;
      g_list_free_full(found, g_object_unref);
      return here ? GST_RTSP_FILTER_REF : GST_RTSP_FILTER_KEEP;
    }
    static GstRTSPFilterResult client(GstRTSPServer*, GstRTSPClient* rtsp_client, gpointer data) {
      GList* found = gst_rtsp_client_session_filter(rtsp_client, &Match::session, data);
      const bool here = found != nullptr;
      g_list_free_full(found, g_object_unref);
      return here ? GST_RTSP_FILTER_REMOVE : GST_RTSP_FILTER_KEEP;
    }
  };
  gst_rtsp_server_client_filter(server, &Match::client, this);
}

void VideoStream::set_power(bool on) {
  State& s = *state_;
  Owned<GstRTSPMountPoints> mounts(gst_rtsp_server_get_mount_points(s.server));
  gst_rtsp_mount_points_remove_factory(mounts.get(), s.path.c_str());
  if (on) {
    gst_rtsp_mount_points_add_factory(mounts.get(), s.path.c_str(),
                                      GST_RTSP_MEDIA_FACTORY(g_object_ref(s.factory.get())));
    return;
  }
  s.disconnect_viewers();
}

struct RtspServer::State {
  GMainContext* context = nullptr;
  GMainLoop* loop = nullptr;
  Owned<GstRTSPServer> server;
  guint source = 0;
  std::vector<std::unique_ptr<VideoStream>> streams;
  std::thread thread;

  // From within: a loop that is told to quit before its thread has begun to run it would never end.
  void end_loop() {
    GSource* last = g_idle_source_new();
    g_source_set_callback(
        last,
        [](gpointer own) {
          g_main_loop_quit(static_cast<GMainLoop*>(own));
          return G_SOURCE_REMOVE;
        },
        loop, nullptr);
    g_source_attach(last, context);
    g_source_unref(last);
  }

  ~State() {
    for (auto& stream : streams) stream->set_power(false);
    if (thread.joinable()) {
      end_loop();
      thread.join();
    }
    if (source != 0)
      if (GSource* attached = g_main_context_find_source_by_id(context, source)) g_source_destroy(attached);
    streams.clear();
    server.reset();
    if (loop != nullptr) g_main_loop_unref(loop);
    if (context != nullptr) g_main_context_unref(context);
  }
};

RtspServer::RtspServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
RtspServer::~RtspServer() = default;

Result<std::unique_ptr<RtspServer>> RtspServer::start(const std::string& address, int port) {
  LINESIDE_TRY(set_up_gstreamer());
  auto state = std::make_unique<State>();
  state->context = g_main_context_new();
  state->loop = g_main_loop_new(state->context, FALSE);
  state->server.reset(gst_rtsp_server_new());
  gst_rtsp_server_set_address(state->server.get(), address.c_str());
  gst_rtsp_server_set_service(state->server.get(), std::to_string(port).c_str());
  state->source = gst_rtsp_server_attach(state->server.get(), state->context);
  if (state->source == 0)
    return fail(
        ErrorCode::address_in_use,
        std::format("the cameras' RTSP server can't listen on {}:{}; is another program using it?", address, port));
  GMainLoop* loop = state->loop;
  GMainContext* context = state->context;
  state->thread = std::thread([loop, context] {
    g_main_context_push_thread_default(context);
    g_main_loop_run(loop);
    g_main_context_pop_thread_default(context);
  });
  return std::unique_ptr<RtspServer>(new RtspServer(std::move(state)));
}

Result<VideoStream*> RtspServer::add_stream(const std::string& name, VideoCodec codec, double rate_hz) {
  for (const char* element : {"videoconvert", codec == VideoCodec::h264 ? "openh264enc" : "jpegenc",
                              codec == VideoCodec::h264 ? "rtph264pay" : "rtpjpegpay"}) {
    Owned<GstElementFactory> found(gst_element_factory_find(element));
    if (!found)
      return fail(
          ErrorCode::runtime_unavailable,
          std::format("GStreamer has no element '{}'; install the packages gstreamer1.0-plugins-base, -good and -bad",
                      element));
  }
  auto stream_state = std::make_unique<VideoStream::State>();
  stream_state->server = state_->server.get();
  stream_state->path = "/" + name;
  stream_state->rate_numerator = static_cast<int>(std::lround(rate_hz * 1000));
  stream_state->rate_denominator = 1000;
  stream_state->factory.reset(gst_rtsp_media_factory_new());
  GstRTSPMediaFactory* factory = stream_state->factory.get();
  gst_rtsp_media_factory_set_launch(factory, pipeline_text(codec).c_str());
  gst_rtsp_media_factory_set_shared(factory, TRUE);
  gst_rtsp_media_factory_set_latency(factory, 0);
  gst_rtsp_media_factory_set_suspend_mode(factory, GST_RTSP_SUSPEND_MODE_RESET);
  gst_rtsp_media_factory_set_stop_on_disconnect(factory, TRUE);
  g_signal_connect(factory, "media-configure", G_CALLBACK(&VideoStream::State::on_media), stream_state.get());
  Owned<GstRTSPMountPoints> mounts(gst_rtsp_server_get_mount_points(state_->server.get()));
  gst_rtsp_mount_points_add_factory(mounts.get(), stream_state->path.c_str(),
                                    GST_RTSP_MEDIA_FACTORY(g_object_ref(factory)));
  state_->streams.push_back(std::unique_ptr<VideoStream>(new VideoStream(std::move(stream_state))));
  return state_->streams.back().get();
}

}  // namespace lineside::plant
