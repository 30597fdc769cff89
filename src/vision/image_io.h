#pragma once
// Picture files in and out. Any thread; no state.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/image.h"

namespace lineside::vision {

// What a file may claim before anything is decoded: a small file can unpack to gigabytes.
struct ImageLimits {
  std::size_t file_bytes_max = 64u << 20;
  int side_px_max = 20'000;
  std::size_t pixels_max = 64'000'000;
};

// JPEG, PNG, BMP, TIFF or WebP to rgb8, turned as its EXIF orientation says; alpha is dropped, 16 bits become 8.
// Errors name the file: file_not_found, file_io, file_format (not a picture, damaged, cut off), limit_reached.
Result<Image> load_image(const std::filesystem::path& path, const ImageLimits& limits = {});
// The same from memory; `name` stands for the file in messages.
Result<Image> decode_image(std::span<const std::uint8_t> bytes, std::string_view name, const ImageLimits& limits = {});

// `quality` 1..100. Errors: file_format (no pixels).
Result<std::vector<std::uint8_t>> encode_jpeg(const ImageView& image, int quality = 85);

// Resized so that the longer side has at most `longer_side_px` pixels; never enlarged.
Result<Image> make_thumbnail(const ImageView& image, int longer_side_px);

// By the name's ending, any case: .jpg .jpeg .png .bmp .tif .tiff .webp
bool is_image_name(const std::filesystem::path& path);

// All pictures below `folder` at any depth, sorted by path; hidden files and folders are left out and symbolic links
// to folders are not followed. Errors: file_not_found, file_io.
Result<std::vector<std::filesystem::path>> list_images(const std::filesystem::path& folder);

}  // namespace lineside::vision
