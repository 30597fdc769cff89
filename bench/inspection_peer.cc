// GStreamer's own `onnxinference` element on the same model, pictures and preprocessing as a station: frames a second
// from decoded pictures in memory to the tensor behind the element. Prints one JSON object.
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <format>
#include <thread>

#include "base/file.h"
#include "bundle/bundle.h"
#include "cli/cli.h"
#include "vision/image_io.h"

namespace lineside::bench {
namespace {

using namespace std::chrono_literals;

struct Options {
  std::filesystem::path bundle, images;
  int pipelines = 1, seconds = 5, width = 320, height = 240;
  std::string optimization = "disable-all";
};

std::vector<Image> load_pictures(const Options& options) {
  std::vector<Image> pictures;
  if (!options.images.empty())
    if (const auto files = vision::list_images(options.images))
      for (const auto& file : *files)
        if (auto image = vision::load_image(file); image && pictures.size() < 16) pictures.push_back(std::move(*image));
  while (pictures.size() < 4 && options.images.empty()) {
    Image picture{options.width, options.height, PixelFormat::rgb8, {}};
    picture.pixels.resize(static_cast<std::size_t>(picture.width * picture.height * 3));
    for (std::size_t i = 0; i < picture.pixels.size(); ++i)
      picture.pixels[i] = static_cast<std::uint8_t>(i * 2654435761U >> 13);
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

// The element knows one offset and one divisor for all channels: tensor = (value + offset) / scale.
Result<std::string> describe(const Options& options, const PreprocessSpec& spec, const std::filesystem::path& onnx,
                             const Image& picture) {
  if (spec.type == PreprocessSpec::Type::f32 && (spec.mean[0] != spec.mean[1] || spec.mean[1] != spec.mean[2] ||
                                                 spec.scale[0] != spec.scale[1] || spec.scale[1] != spec.scale[2]))
    return fail(ErrorCode::model_unsupported, "onnxinference can't normalise each channel by itself");
  const bool raw = spec.type == PreprocessSpec::Type::u8;
  // Without an offset it would ask for bytes in planes, which its own pad does not take; a quarter is cut off again.
  const double offset = raw ? 0.25 : -255.0 * static_cast<double>(spec.mean[0]);
  const double divisor = raw ? 1 : 255.0 / static_cast<double>(spec.scale[0]);
  return std::format(
      "appsrc name=frames format=time block=true max-buffers=4 caps=video/x-raw,format=RGB,width={},height={},"
      "framerate=100/1 ! videoconvertscale n-threads=1 ! video/x-raw,format={},width={},height={} ! onnxinference "
      "model-file={} execution-provider=cpu optimization-level={} input-image-format={} input-tensor-offset={} "
      "input-tensor-scale={} ! fakesink name=end sync=false",
      picture.width, picture.height, spec.color == PreprocessSpec::Color::bgr ? "BGR" : "RGB", spec.width, spec.height,
      onnx.string(), options.optimization, spec.layout == PreprocessSpec::Layout::nchw ? "chw" : "hwc", offset,
      divisor);
}

// The element takes only models whose metadata name an identity for each output; a protobuf message grows by appending.
// ModelProto.metadata_props is field 14, its key field 1, its value field 2; the names are shorter than 60 bytes.
std::vector<std::uint8_t> with_output_id(std::span<const std::uint8_t> onnx, const std::string& output) {
  std::vector<std::uint8_t> model(onnx.begin(), onnx.end());
  const auto size = static_cast<std::uint8_t>(output.size());
  model.insert(model.end(), {14 << 3 | 2, static_cast<std::uint8_t>(2 * (size + 2))});
  for (const std::uint8_t field : {1, 2}) {
    model.insert(model.end(), {static_cast<std::uint8_t>(field << 3 | 2), size});
    model.insert(model.end(), output.begin(), output.end());
  }
  return model;
}

class Peer {
 public:
  Peer(const std::vector<Image>& pictures, const std::string& text) : pictures_(pictures) {
    GError* error = nullptr;
    pipeline_ = gst_parse_launch(text.c_str(), &error);
    if (error != nullptr) why_ = error->message;
    g_clear_error(&error);
    if (!why_.empty()) return;
    GstElement* end = gst_bin_get_by_name(GST_BIN(pipeline_), "end");
    GstPad* pad = gst_element_get_static_pad(end, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, &Peer::on_buffer, this, nullptr);
    gst_object_unref(pad);
    gst_object_unref(end);
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    thread_ = std::jthread([this](const std::stop_token& stop) { feed(stop); });
  }
  ~Peer() {
    thread_.request_stop();
    if (pipeline_ != nullptr) gst_element_set_state(pipeline_, GST_STATE_NULL);
    if (thread_.joinable()) thread_.join();
    if (pipeline_ != nullptr) gst_object_unref(pipeline_);
  }
  std::uint64_t frames() const { return frames_; }
  std::string why() {
    if (pipeline_ == nullptr || !why_.empty()) return why_;
    GstBus* bus = gst_element_get_bus(pipeline_);
    if (GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR)) {
      GError* error = nullptr;
      gst_message_parse_error(message, &error, nullptr);
      why_ = error->message;
      g_clear_error(&error);
      gst_message_unref(message);
    }
    gst_object_unref(bus);
    return why_;
  }

 private:
  static GstPadProbeReturn on_buffer(GstPad*, GstPadProbeInfo*, gpointer self) {
    static_cast<Peer*>(self)->frames_.fetch_add(1, std::memory_order_relaxed);
    return GST_PAD_PROBE_OK;
  }
  void feed(const std::stop_token& stop) {
    GstElement* source = gst_bin_get_by_name(GST_BIN(pipeline_), "frames");
    GstFlowReturn flow = GST_FLOW_OK;
    for (std::size_t i = 0; !stop.stop_requested() && flow == GST_FLOW_OK; ++i) {
      const auto& pixels = pictures_[i % pictures_.size()].pixels;
      GstBuffer* buffer =
          gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, const_cast<std::uint8_t*>(pixels.data()), pixels.size(),
                                      0, pixels.size(), nullptr, nullptr);
      GST_BUFFER_PTS(buffer) = i * 10 * GST_MSECOND;
      flow = gst_app_src_push_buffer(GST_APP_SRC(source), buffer);
    }
    gst_object_unref(source);
  }

  const std::vector<Image>& pictures_;
  GstElement* pipeline_ = nullptr;
  std::string why_;
  std::atomic<std::uint64_t> frames_{0};
  std::jthread thread_;
};

Result<int> run(const Options& options) {
  bundle::Trust trust;
  trust.inspect_only = true;
  LINESIDE_ASSIGN(const auto opened, bundle::Bundle::open(options.bundle, trust));
  const auto pictures = load_pictures(options);
  if (pictures.empty()) return fail(ErrorCode::file_not_found, "no pictures in " + options.images.string());
  for (const auto& picture : pictures)
    if (picture.width != pictures[0].width || picture.height != pictures[0].height)
      return fail(ErrorCode::dataset_invalid, "the pictures are not of one size");
  const auto onnx = std::filesystem::temp_directory_path() / std::format("lineside_peer_{}.onnx", getpid());
  LINESIDE_TRY(write_atomically(onnx, with_output_id(opened.onnx(), opened.manifest().output.name)));
  if (opened.manifest().output.name.size() >= 60)
    return fail(ErrorCode::model_unsupported, "the output's name is too long");
  LINESIDE_ASSIGN(const auto text, describe(options, opened.manifest().preprocess, onnx, pictures[0]));
  gst_init(nullptr, nullptr);
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < options.pipelines; ++i) peers.push_back(std::make_unique<Peer>(pictures, text));
  const auto frames = [&] {
    std::uint64_t sum = 0;
    for (const auto& peer : peers) sum += peer->frames();
    return sum;
  };
  const auto give_up = std::chrono::steady_clock::now() + 30s;
  std::string why;
  while (frames() < 20 && why.empty() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(10ms);
    for (const auto& peer : peers)
      if (why.empty()) why = peer->why();
  }
  std::this_thread::sleep_for(500ms);
  const auto before = frames();
  const auto began = std::chrono::steady_clock::now();
  if (before > 0) std::this_thread::sleep_for(std::chrono::seconds(options.seconds));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto count = frames() - before;
  peers.clear();
  std::filesystem::remove(onnx);
  if (before == 0)
    return fail(ErrorCode::model_unsupported,
                "onnxinference gave nothing: " + (why.empty() ? "no frame in 30 s" : why));
  std::printf("%s\n", std::format(R"({{"pipelines":{},"optimization":"{}","frames_per_s":{:.1f}}})", options.pipelines,
                                  options.optimization, static_cast<double>(count) / took.count())
                          .c_str());
  return 0;
}

}  // namespace
}  // namespace lineside::bench

int main(int argc, char** argv) {
  using namespace lineside;
  bench::Options options;
  cli::Program program;
  program.name = "inspection_peer";
  program.summary = "measures GStreamer's onnxinference element on a bundle's model";
  program.root.options = {
      cli::required("--bundle", "FILE", "model bundle; its signature is not asked for", options.bundle),
      cli::option("--images", "DIR", "pictures to feed; none: made up ones of 320x240", options.images),
      cli::option("--pipelines", "N", "at the same time", options.pipelines),
      cli::option("--seconds", "N", "to measure for", options.seconds),
      cli::option("--optimization", "LEVEL",
                  "the element's optimization-level: disable-all (its default) ... enable-all", options.optimization)};
  program.root.run = [&] { return bench::run(options); };
  return cli::run(program, argc, argv);
}
