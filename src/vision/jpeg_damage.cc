#include "vision/jpeg_damage.h"

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <memory>
// After cstdio, which it needs.
#include <jerror.h>
#include <jpeglib.h>

namespace lineside::vision {
namespace {

constexpr int kPaddingBytesMax = 16;
constexpr std::uint64_t kPixelsMax = std::uint64_t{64} << 20;  // more is no camera's: a header costs nothing to forge
constexpr unsigned kRowBytesMax = 65'535 * 4;

// libjpeg knows it as its `err`, which must be the first member.
struct Listener {
  jpeg_error_mgr manager{};
  jmp_buf give_up{};
  bool damaged = false;
  char text[JMSG_LENGTH_MAX]{};
};

void note(j_common_ptr info) {
  auto* listener = reinterpret_cast<Listener*>(info->err);
  if (listener->damaged) return;
  listener->damaged = true;
  info->err->format_message(info, listener->text);
}

bool is_harmless(const jpeg_error_mgr& said) {
  switch (said.msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_BOGUS_PROGRESSION:
      return true;
    case JWRN_EXTRANEOUS_DATA:
      return said.msg_parm.i[0] <= kPaddingBytesMax;
    default:
      return false;
  }
}

void on_message(j_common_ptr info, int level) {
  if (level < 0 && !is_harmless(*info->err)) note(info);
}

[[noreturn]] void on_error(j_common_ptr info) {
  note(info);
  std::longjmp(reinterpret_cast<Listener*>(info->err)->give_up, 1);
}

// Nothing here may need a destructor: on_error() jumps out.
void read_through(jpeg_decompress_struct& info, Listener& listener, std::span<const std::uint8_t> bytes, JSAMPLE* row) {
  if (setjmp(listener.give_up) != 0) return;
  jpeg_mem_src(&info, bytes.data(), bytes.size());
  jpeg_read_header(&info, TRUE);
  if (std::uint64_t{info.image_width} * info.image_height > kPixelsMax) {
    listener.damaged = true;
    std::snprintf(listener.text, sizeof listener.text, "Its header claims %u x %u pixels", info.image_width,
                  info.image_height);
    return;
  }
  // An eighth of the size: only each block's mean is computed, but all of its codes are read.
  info.scale_num = 1;
  info.scale_denom = 8;
  info.do_fancy_upsampling = FALSE;
  info.out_color_space = info.jpeg_color_space;
  jpeg_start_decompress(&info);
  if (info.output_width * static_cast<unsigned>(info.output_components) > kRowBytesMax) return;
  while (info.output_scanline < info.output_height && !listener.damaged) jpeg_read_scanlines(&info, &row, 1);
  if (!listener.damaged) jpeg_finish_decompress(&info);
}

}  // namespace

std::optional<std::string> jpeg_damage(std::span<const std::uint8_t> bytes) {
  jpeg_decompress_struct info{};
  Listener listener;
  info.err = jpeg_std_error(&listener.manager);
  listener.manager.error_exit = on_error;
  listener.manager.emit_message = on_message;
  const auto row = std::make_unique_for_overwrite<JSAMPLE[]>(kRowBytesMax);
  jpeg_create_decompress(&info);
  read_through(info, listener, bytes, row.get());
  jpeg_destroy_decompress(&info);
  return listener.damaged ? std::optional<std::string>(listener.text) : std::nullopt;
}

}  // namespace lineside::vision
