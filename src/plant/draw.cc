#include "plant/draw.h"

#include <cstring>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "base/file.h"
#include "plant/random.h"

namespace lineside::plant {

namespace {

Result<void> save(const fs::path& path, const Image& picture) {
  std::vector<std::uint8_t> bytes;
  try {
    const cv::Mat rgb(picture.height, picture.width, CV_8UC3, const_cast<std::uint8_t*>(picture.pixels.data()));
    cv::Mat bgr;
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
    cv::imencode(path.extension().string(), bgr, bytes, {cv::IMWRITE_PNG_COMPRESSION, 1});
  } catch (const cv::Exception& e) {
    return fail(ErrorCode::file_format, std::format("'{}' can't be coded: {}", path.string(), e.what()));
  }
  // Not write_atomically: thousands of fsyncs would take minutes, and these files can be drawn again.
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.flush();
  if (!file)
    return fail(ErrorCode::file_io, std::format("'{}' can't be written: {}", path.string(), std::strerror(errno)));
  return {};
}

Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(ErrorCode::file_io, std::format("'{}' can't be made: {}", folder.string(), error.message()));
  return {};
}

}  // namespace

Result<void> draw_pictures(const DrawOptions& options, const std::function<bool(int done)>& go_on) {
  if (options.count < 1 || options.shifts < 1) return fail(ErrorCode::usage, "count and shifts must be at least 1");
  const int shifts = options.series ? 1 : options.shifts;
  std::vector<BottleScene> scenes;
  for (int shift = 0; shift < shifts; ++shift) {
    SceneSettings settings = options.scene;
    settings.seed = Random(options.seed, static_cast<std::uint64_t>(shift)).next();
    scenes.emplace_back(settings);
  }
  LINESIDE_TRY(make_folder(options.out));
  std::error_code ignored;
  if (!fs::is_empty(options.out, ignored))
    return fail(ErrorCode::usage, std::format("'{}' is not empty: drawn pictures would mix with what is there; name a "
                                              "new folder",
                                              options.out.string()));
  std::string labels = "file,class\n";
  Image picture;
  for (int i = 0; i < options.count; ++i) {
    const int shift = i % shifts;
    const BottleClass bottle_class = class_of(options.seed, static_cast<std::uint64_t>(i), options.defect_share);
    const std::string name = std::format("{:06}.png", i);
    fs::path folder = options.out;
    if (!options.series) folder = folder / to_string(bottle_class) / std::format("shift-{:02}", shift + 1);
    if (!options.series) LINESIDE_TRY(make_folder(folder));
    // Spread over the line's slow drift of light, so that a shift has seen all of it.
    const auto bottle = static_cast<std::uint64_t>(i) * (options.series ? 1 : 7);
    scenes[static_cast<std::size_t>(shift)].draw(bottle, bottle_class, picture);
    LINESIDE_TRY(save(folder / name, picture));
    labels += std::format("{},{}\n", name, to_string(bottle_class));
    if (!go_on(i + 1)) return fail(ErrorCode::cancelled, std::format("stopped after {} pictures", i + 1));
  }
  if (options.series) return write_atomically(options.out / "labels.csv", labels);
  return {};
}

}  // namespace lineside::plant
