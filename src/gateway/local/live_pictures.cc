#include "gateway/local/live_pictures.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kTurnMax{150};

}  // namespace

Result<std::vector<std::uint8_t>> LivePictures::get(const std::string& station, const std::string& camera) {
  const std::string key = station + "/" + camera;
  const auto fresh = [&]() -> std::vector<std::uint8_t> {
    const std::lock_guard lock(mutex_);
    const auto found = latest_.find(key);
    const bool known = found != latest_.end() && std::chrono::steady_clock::now() - found->second.taken < kPeriod;
    return known ? found->second.jpeg : std::vector<std::uint8_t>{};
  };
  if (auto jpeg = fresh(); !jpeg.empty()) return jpeg;
  const std::unique_lock asking(asking_, kTurnMax);
  if (!asking) return fail(ErrorCode::limit_reached, "another picture is being taken; try again");
  if (auto jpeg = fresh(); !jpeg.empty()) return jpeg;  // taken meanwhile
  LINESIDE_ASSIGN(auto jpeg, view_.live_jpeg(station, camera));
  const std::lock_guard lock(mutex_);
  latest_[key] = {std::chrono::steady_clock::now(), jpeg};
  return jpeg;
}

}  // namespace lineside::gateway
