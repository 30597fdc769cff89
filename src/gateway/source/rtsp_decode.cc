#include "gateway/source/rtsp_decode.h"

#include <gst/gst.h>

#include <array>
#include <span>
#include <string_view>

namespace lineside::gateway {
namespace {

struct Codec {
  std::string_view encoding;
  const char* depay;
  const char* parse;                    // null: none needed
  std::array<const char*, 2> decoders;  // the first one installed is taken
};

constexpr std::array kCodecs{
    Codec{"H264", "rtph264depay", "h264parse", {"avdec_h264", "openh264dec"}},
    Codec{"H265", "rtph265depay", "h265parse", {"avdec_h265", nullptr}},
    Codec{"JPEG", "rtpjpegdepay", nullptr, {"jpegdec", nullptr}},
};

const char* field(GstCaps* caps, const char* name) {
  const char* value = gst_structure_get_string(gst_caps_get_structure(caps, 0), name);
  return value ? value : "";
}

GstElement* make_decoder(const Codec& codec) {
  for (const char* name : codec.decoders) {
    if (name == nullptr) continue;
    if (GstElement* decoder = gst_element_factory_make(name, nullptr)) {
      // Several threads would each hold a frame back; a picture that came damaged must not be judged.
      if (g_object_class_find_property(G_OBJECT_GET_CLASS(decoder), "max-threads"))
        g_object_set(decoder, "max-threads", 1, nullptr);
      if (g_object_class_find_property(G_OBJECT_GET_CLASS(decoder), "output-corrupt"))
        g_object_set(decoder, "output-corrupt", FALSE, nullptr);
      return decoder;
    }
  }
  return nullptr;
}

// Adds depay ! parse ! decoder ! convert; false if an element is missing or does not link.
bool add_chain(GstElement* pipeline, const Codec& codec, GstPad* from) {
  std::array<GstElement*, 3> chain{gst_element_factory_make(codec.depay, nullptr),
                                   codec.parse ? gst_element_factory_make(codec.parse, nullptr) : nullptr,
                                   make_decoder(codec)};
  bool whole = chain[0] != nullptr && chain[2] != nullptr && (codec.parse == nullptr || chain[1] != nullptr);
  GstElement* last = nullptr;
  for (GstElement* element : chain) {
    if (element == nullptr) continue;
    gst_bin_add(GST_BIN(pipeline), element);
    if (last != nullptr) whole = whole && gst_element_link(last, element);
    last = element;
  }
  if (!whole) return false;
  GstElement* convert = gst_bin_get_by_name(GST_BIN(pipeline), "convert");
  whole = gst_element_link(last, convert);
  gst_object_unref(convert);
  for (GstElement* element : chain)
    if (element != nullptr) whole = gst_element_sync_state_with_parent(element) && whole;
  GstPad* into = gst_element_get_static_pad(chain[0], "sink");
  whole = whole && gst_pad_link(from, into) == GST_PAD_LINK_OK;
  gst_object_unref(into);
  return whole;
}

}  // namespace

void RtspDecode::attach(GstElement* pipeline, GstElement* source) {
  pipeline_ = pipeline;
  g_signal_connect(source, "select-stream", G_CALLBACK(&RtspDecode::on_select_stream), this);
  g_signal_connect(source, "pad-added", G_CALLBACK(&RtspDecode::on_pad_added), this);
}

int RtspDecode::on_select_stream(GstElement*, unsigned, GstCaps* caps, void* self) {
  if (std::string_view(field(caps, "media")) != "video") return FALSE;
  return static_cast<RtspDecode*>(self)->video_selected_.exchange(true) ? FALSE : TRUE;
}

void RtspDecode::on_pad_added(GstElement* source, GstPad* pad, void* self) {
  auto* decode = static_cast<RtspDecode*>(self);
  GstCaps* caps = gst_pad_get_current_caps(pad);
  if (caps == nullptr) caps = gst_pad_query_caps(pad, nullptr);
  const std::string_view encoding = field(caps, "encoding-name");
  const Codec* known = nullptr;
  for (const Codec& codec : kCodecs)
    if (codec.encoding == encoding) known = &codec;
  if (known == nullptr) {
    GST_ELEMENT_ERROR(source, STREAM, CODEC_NOT_FOUND,
                      ("the camera sends %s video; set it to H.264, H.265 or JPEG", field(caps, "encoding-name")),
                      (nullptr));
  } else if (!add_chain(decode->pipeline_, *known, pad)) {
    GST_ELEMENT_ERROR(source, STREAM, CODEC_NOT_FOUND,
                      ("there is no decoder for the camera's %s video; install gstreamer1.0-libav and "
                       "gstreamer1.0-plugins-bad",
                       field(caps, "encoding-name")),
                      (nullptr));
  }
  gst_caps_unref(caps);
}

}  // namespace lineside::gateway
