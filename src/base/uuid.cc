#include "base/uuid.h"

#include <sys/random.h>

#include <array>
#include <format>
#include <mutex>
#include <random>

namespace lineside {
namespace {

std::array<std::uint8_t, 10> random_bytes() {
  std::array<std::uint8_t, 10> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::random_device device;
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(device());
  }
  return bytes;
}

struct Stamp {
  std::int64_t ms = 0;
  unsigned counter = 0;
};

// RFC 9562 section 6.2, method 1: a 12-bit counter below the milliseconds, started at random in its lower half.
Stamp next_stamp(std::int64_t now_ms, unsigned random) {
  constexpr std::int64_t kStepBackMax = 1000;
  constexpr unsigned kCounterMax = 0xFFF;
  static std::mutex mutex;
  static Stamp last;
  const std::lock_guard lock(mutex);
  if (now_ms > last.ms || now_ms < last.ms - kStepBackMax) {
    last = {now_ms, random & 0x7FF};
  } else if (last.counter < kCounterMax) {
    ++last.counter;
  } else {
    last = {last.ms + 1, random & 0x7FF};
  }
  return last;
}

}  // namespace

std::string make_uuid(Clock& clock) {
  const auto random = random_bytes();
  const auto now = std::chrono::floor<std::chrono::milliseconds>(clock.wall()).time_since_epoch().count();
  const Stamp stamp = next_stamp(now, static_cast<unsigned>(random[8] << 8 | random[9]));
  std::uint64_t tail = 0;
  for (int i = 0; i < 8; ++i) tail = tail << 8 | random[static_cast<std::size_t>(i)];
  tail = (tail & 0x3FFF'FFFF'FFFF'FFFF) | 0x8000'0000'0000'0000;
  const auto ms = static_cast<std::uint64_t>(stamp.ms) & 0xFFFF'FFFF'FFFF;
  return std::format("{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}", ms >> 16, ms & 0xFFFF, stamp.counter, tail >> 48,
                     tail & 0xFFFF'FFFF'FFFF);
}

}  // namespace lineside
