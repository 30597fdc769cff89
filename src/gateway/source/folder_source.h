#pragma once
// A folder of pictures shown as if a camera took them: for demonstrations, benchmarks and trying a model on old
// pictures. Pictures are decoded before the first one is shown and kept, up to `preload_bytes_max`; those beyond it are
// decoded each time they are shown. A broken picture, or one of another size, is named in the log once; in
// its turn it is counted and shown as a damaged frame.
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/frame_source.h"
#include "gateway/source/camera_counters.h"

namespace lineside::gateway {

class FolderSource final : public FrameSource {
 public:
  static constexpr std::size_t kPreloadBytesMax = 256u << 20;

  // Errors: file_not_found (no such folder, or no pictures in it).
  static Result<std::unique_ptr<FrameSource>> create(const config::CameraSettings& settings, Clock& clock,
                                                     MetricsRegistry& metrics,
                                                     std::size_t preload_bytes_max = kPreloadBytesMax);
  FolderSource(const config::CameraSettings& settings, std::vector<std::filesystem::path> files, Clock& clock,
               MetricsRegistry& metrics, std::size_t preload_bytes_max);
  ~FolderSource() override;
  Result<void> start(FrameSink& sink) override;
  void stop() override;

 private:
  struct Picture {
    std::filesystem::path path;
    std::string name;
    Image image;  // empty: decoded when shown
    bool usable = true;
  };
  void run(const std::stop_token& stop);
  void preload(const std::stop_token& stop);
  bool load(Picture& picture);
  bool pace(const std::stop_token& stop, MonoTime due);
  bool show(Picture& picture);  // false: as a damaged frame
  void end(const Error& why);

  const config::CameraSettings settings_;
  Clock& clock_;
  CameraCounters counters_;
  const std::size_t preload_bytes_max_;
  std::vector<Picture> pictures_;
  int width_, height_;
  std::uint64_t sequence_ = 0;
  FrameSink* sink_ = nullptr;
  std::jthread thread_;
};

}  // namespace lineside::gateway
