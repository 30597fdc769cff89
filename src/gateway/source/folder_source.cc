#include "gateway/source/folder_source.h"

#include <format>

#include "base/backoff.h"
#include "vision/image_io.h"

namespace lineside::gateway {

using namespace std::chrono_literals;

Result<std::unique_ptr<FrameSource>> FolderSource::create(const config::CameraSettings& settings, Clock& clock,
                                                          MetricsRegistry& metrics, std::size_t preload_bytes_max) {
  LINESIDE_ASSIGN(auto files, vision::list_images(settings.path));
  if (files.empty())
    return fail(ErrorCode::file_not_found,
                std::format("camera '{}': there are no pictures in the folder {}", settings.name, settings.path));
  return std::make_unique<FolderSource>(settings, std::move(files), clock, metrics, preload_bytes_max);
}

FolderSource::FolderSource(const config::CameraSettings& settings, std::vector<std::filesystem::path> files,
                           Clock& clock, MetricsRegistry& metrics, std::size_t preload_bytes_max)
    : settings_(settings),
      clock_(clock),
      counters_(metrics, settings.name),
      preload_bytes_max_(preload_bytes_max),
      width_(settings.width),
      height_(settings.height) {
  pictures_.reserve(files.size());
  for (auto& file : files) {
    auto name = file.lexically_relative(settings.path).string();
    pictures_.push_back({std::move(file), std::move(name), {}, true});
  }
}

FolderSource::~FolderSource() { stop(); }

Result<void> FolderSource::start(FrameSink& sink) {
  stop();
  sink_ = &sink;
  thread_ = std::jthread([this](const std::stop_token& stop_token) { run(stop_token); });
  return {};
}

void FolderSource::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

// Decodes one picture; false, and named, if it is no use.
bool FolderSource::load(Picture& picture) {
  auto image = vision::load_image(picture.path);
  std::string why;
  if (!image) {
    why = image.error().message;
  } else if (width_ == 0 && height_ == 0) {
    width_ = image->width;
    height_ = image->height;
  } else if (image->width != width_ || image->height != height_) {
    why = std::format("{} is {}x{}, not {}x{}", picture.path.string(), image->width, image->height, width_, height_);
  }
  if (!why.empty()) {
    picture.usable = false;
    log(LogLevel::warning, "camera", "a picture of the replay folder can't be used",
        {{"camera", settings_.name}, {"why", why}});
    return false;
  }
  picture.image = std::move(*image);
  return true;
}

void FolderSource::preload(const std::stop_token& stop) {
  std::size_t bytes = 0;
  for (auto& picture : pictures_) {
    if (stop.stop_requested() || bytes >= preload_bytes_max_) break;
    if (picture.usable && picture.image.pixels.empty()) load(picture);
    bytes += picture.image.pixels.size();
  }
}

// Waits until `due`, or with rate 0 until the sink has room; false when stopped.
bool FolderSource::pace(const std::stop_token& stop, MonoTime due) {
  if (settings_.rate_hz <= 0) {
    while (!stop.stop_requested() && !sink_->wait_ready(50ms)) {
    }
    return !stop.stop_requested();
  }
  while (!stop.stop_requested() && clock_.mono() < due) clock_.sleep_until(std::min(due, clock_.mono() + 100ms));
  return !stop.stop_requested();
}

bool FolderSource::show(Picture& picture) {
  const bool keep = !picture.image.pixels.empty();
  if (!picture.usable || (!keep && !load(picture))) {
    counters_.bad_frames.add();
    sink_->on_frame({.exposure = clock_.mono(),
                     .exposure_known = true,
                     .sequence = sequence_++,
                     .name = picture.name,
                     .damaged = true});
    return false;
  }
  const auto nothing = [](void*) {};  // what was loaded ahead stays
  const FrameHold hold = keep ? FrameHold{&picture, nothing, nothing} : FrameHold{};
  sink_->on_frame({.image = picture.image.view(),
                   .exposure = clock_.mono(),
                   .exposure_known = true,
                   .sequence = sequence_++,
                   .name = picture.name,
                   .hold = hold});
  counters_.frames.add();
  if (!keep) picture.image = {};
  return true;
}

void FolderSource::end(const Error& why) {
  counters_.up.set(0);
  sink_->on_state(SourceState::down, why);
  log(LogLevel::info, "camera", why.message, {{"camera", settings_.name}});
}

void FolderSource::run(const std::stop_token& stop) {
  sink_->on_state(SourceState::starting, {});
  counters_.connects.add();
  preload(stop);
  const nanoseconds period{settings_.rate_hz > 0 ? static_cast<std::int64_t>(1e9 / settings_.rate_hz) : 0};
  MonoTime due = clock_.mono();
  bool up = false;
  do {
    bool shown = false;
    for (auto& picture : pictures_) {
      if (!pace(stop, due)) break;
      if (!up) {
        counters_.up.set(1);
        sink_->on_state(SourceState::up, {});
        up = true;
      }
      shown |= show(picture);
      due += period;
      if (clock_.mono() > due + period) due = clock_.mono();
    }
    if (stop.stop_requested()) break;
    if (!shown) {
      counters_.failures.add();
      return end({ErrorCode::camera_unavailable,
                  std::format("camera '{}': none of the {} pictures in {} can be used; the log names each",
                              settings_.name, pictures_.size(), settings_.path)});
    }
  } while (settings_.loop);
  if (stop.stop_requested()) return counters_.up.set(0);
  end({ErrorCode::camera_unavailable,
       std::format("camera '{}': the replay of {} has ended (loop: false)", settings_.name, settings_.path)});
}

}  // namespace lineside::gateway
