#include "vision/image_io.h"

#include <cmath>
#include <format>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "base/file.h"
#include "vision/image_header.h"
#include "vision/jpeg_damage.h"
#include "vision/preprocess.h"

namespace lineside::vision {
namespace {

Result<ImageHeader> check_header(std::span<const std::uint8_t> bytes, std::string_view name,
                                 const ImageLimits& limits) {
  if (bytes.empty()) return fail(ErrorCode::file_format, std::format("{} is empty", name));
  const auto header = read_image_header(bytes);
  if (!header)
    return fail(
        ErrorCode::file_format,
        std::format("{} is not a picture that can be read (JPEG, PNG, BMP, TIFF or WebP), or is damaged", name));
  if (header->cut_off)
    return fail(ErrorCode::file_format, std::format("{} is cut off: its end is missing; copy it again", name));
  const bool too_long = header->width > limits.side_px_max || header->height > limits.side_px_max;
  if (too_long || static_cast<std::size_t>(header->width * header->height) > limits.pixels_max)
    return fail(ErrorCode::limit_reached,
                std::format("{} has {}x{} pixels; at most {} pixels and {} on a side are read", name, header->width,
                            header->height, limits.pixels_max, limits.side_px_max));
  return *header;
}

// OpenCV works in BGR.
cv::Mat as_bgr(const ImageView& image) {
  const cv::Mat wrapped(image.height, image.width, image.format == PixelFormat::rgb8 ? CV_8UC3 : CV_8UC1,
                        const_cast<std::uint8_t*>(image.data), static_cast<std::size_t>(image.stride_bytes));
  if (image.format == PixelFormat::gray8) return wrapped;
  cv::Mat bgr;
  cv::cvtColor(wrapped, bgr, cv::COLOR_RGB2BGR);
  return bgr;
}

bool has_pixels(const ImageView& image) { return image.data != nullptr && image.width > 0 && image.height > 0; }

}  // namespace

Result<Image> decode_image(std::span<const std::uint8_t> bytes, std::string_view name, const ImageLimits& limits) {
  if (bytes.size() > limits.file_bytes_max)
    return fail(ErrorCode::limit_reached,
                std::format("{} has {} bytes; at most {} are read", name, bytes.size(), limits.file_bytes_max));
  LINESIDE_ASSIGN(const ImageHeader header, check_header(bytes, name, limits));
  if (header.kind == FileKind::jpeg)
    if (const auto damage = jpeg_damage(bytes))
      return fail(ErrorCode::file_format, std::format("{} is damaged ({}); copy it again", name, *damage));
  // What is wrong is in the error; OpenCV would also print it, several lines for each picture, past the log.
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  try {
    const cv::Mat packed(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<std::uint8_t*>(bytes.data()));
    const cv::Mat bgr = cv::imdecode(packed, cv::IMREAD_COLOR);
    if (bgr.empty()) return fail(ErrorCode::file_format, std::format("{} is damaged: it can't be decoded", name));
    Image image{bgr.cols, bgr.rows, PixelFormat::rgb8, {}};
    image.pixels.resize(static_cast<std::size_t>(bgr.cols) * static_cast<std::size_t>(bgr.rows) * 3);
    cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, image.pixels.data());
    cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
    return image;
  } catch (const cv::Exception& error) {
    return fail(ErrorCode::file_format, std::format("{} is damaged: {}", name, error.err));
  }
}

Result<Image> load_image(const std::filesystem::path& path, const ImageLimits& limits) {
  LINESIDE_ASSIGN(const auto bytes, read_bytes(path, limits.file_bytes_max));
  return decode_image(bytes, path.string(), limits);
}

Result<std::vector<std::uint8_t>> encode_jpeg(const ImageView& image, int quality) {
  if (!has_pixels(image)) return fail(ErrorCode::file_format, "a picture without pixels can't be made a JPEG");
  try {
    std::vector<std::uint8_t> bytes;
    cv::imencode(".jpg", as_bgr(image), bytes, {cv::IMWRITE_JPEG_QUALITY, std::clamp(quality, 1, 100)});
    return bytes;
  } catch (const cv::Exception& error) {
    return fail(ErrorCode::file_format, std::format("the JPEG encoder refused the picture: {}", error.err));
  }
}

Result<Image> make_thumbnail(const ImageView& image, int longer_side_px) {
  if (!has_pixels(image)) return fail(ErrorCode::file_format, "a picture without pixels has no thumbnail");
  const double ratio =
      std::min(1.0, static_cast<double>(std::max(1, longer_side_px)) / std::max(image.width, image.height));
  PreprocessSpec spec;
  spec.width = std::max(1, static_cast<int>(std::lround(image.width * ratio)));
  spec.height = std::max(1, static_cast<int>(std::lround(image.height * ratio)));
  spec.color = image.format == PixelFormat::gray8 ? PreprocessSpec::Color::gray : PreprocessSpec::Color::rgb;
  spec.layout = PreprocessSpec::Layout::nhwc;
  spec.type = PreprocessSpec::Type::u8;
  Image thumbnail{spec.width, spec.height, image.format, std::vector<std::uint8_t>(element_count(spec))};
  LINESIDE_TRY(Preprocessor(spec).run(image, std::span<std::uint8_t>(thumbnail.pixels)));
  return thumbnail;
}

bool is_image_name(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  static constexpr std::string_view kEndings[] = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"};
  return std::ranges::find(kEndings, ending) != std::end(kEndings);
}

Result<std::vector<std::filesystem::path>> list_images(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(folder, error))
    return fail(ErrorCode::file_not_found, std::format("{} is not a folder", folder.string()));
  std::vector<fs::path> found;
  fs::recursive_directory_iterator walk(folder, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    const auto& entry = *walk;
    std::error_code ignored;
    const bool hidden = entry.path().filename().native().starts_with('.');
    if (hidden && entry.is_directory(ignored)) walk.disable_recursion_pending();
    if (!hidden && entry.is_regular_file(ignored) && is_image_name(entry.path())) found.push_back(entry.path());
  }
  if (error) return fail(ErrorCode::file_io, std::format("{} can't be read: {}", folder.string(), error.message()));
  std::ranges::sort(found);
  return found;
}

}  // namespace lineside::vision
