#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>

#include <format>
#include <future>
#include <thread>

#include "gateway/source/rtsp_test_server.h"

namespace lineside::gateway {

struct RtspTestServer::State {
  GMainContext* context = nullptr;
  GMainLoop* loop = nullptr;
  GstRTSPServer* server = nullptr;
  int port = 0;
  std::thread thread;
};

RtspTestServer::RtspTestServer(const std::string& launch, int port) : state_(std::make_unique<State>()) {
  gst_init(nullptr, nullptr);
  std::promise<int> listening;
  auto bound = listening.get_future();
  state_->context = g_main_context_new();
  state_->loop = g_main_loop_new(state_->context, FALSE);
  state_->thread = std::thread([this, launch, port, &listening] {
    g_main_context_push_thread_default(state_->context);
    state_->server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(state_->server, "127.0.0.1");
    gst_rtsp_server_set_service(state_->server, std::to_string(port).c_str());
    GstRTSPMountPoints* mounts = gst_rtsp_server_get_mount_points(state_->server);
    GstRTSPMediaFactory* factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(factory, launch.c_str());
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    gst_rtsp_mount_points_add_factory(mounts, "/cam", factory);
    g_object_unref(mounts);
    const guint source = gst_rtsp_server_attach(state_->server, state_->context);
    listening.set_value(source ? gst_rtsp_server_get_bound_port(state_->server) : -1);
    g_main_loop_run(state_->loop);
    if (source) g_source_destroy(g_main_context_find_source_by_id(state_->context, source));
    g_main_context_pop_thread_default(state_->context);
  });
  state_->port = bound.get();
}

RtspTestServer::~RtspTestServer() {
  GList* closed = gst_rtsp_server_client_filter(
      state_->server,
      [](GstRTSPServer*, GstRTSPClient* client, gpointer) {
        gst_rtsp_client_close(client);
        return GST_RTSP_FILTER_REMOVE;
      },
      nullptr);
  g_list_free_full(closed, g_object_unref);
  // From within: a loop that is told to quit before its thread has begun to run it would never end.
  GSource* quit = g_idle_source_new();
  g_source_set_callback(
      quit,
      [](gpointer loop) {
        g_main_loop_quit(static_cast<GMainLoop*>(loop));
        return G_SOURCE_REMOVE;
      },
      state_->loop, nullptr);
  g_source_attach(quit, state_->context);
  g_source_unref(quit);
  state_->thread.join();
  g_object_unref(state_->server);
  g_main_loop_unref(state_->loop);
  g_main_context_unref(state_->context);
}

std::string RtspTestServer::url() const { return std::format("rtsp://user:secret@127.0.0.1:{}/cam", state_->port); }
int RtspTestServer::port() const { return state_->port; }

}  // namespace lineside::gateway
