#pragma once
// What cameras see now, for pages that are open: asks for a new picture twice a second at most for each camera, however
// many look, and from one camera at a time.
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/local/local_server.h"

namespace lineside::gateway {

class LivePictures {
 public:
  static constexpr std::chrono::milliseconds kPeriod{500};

  explicit LivePictures(const LocalView& view) : view_(view) {}

  // Thread-safe. Errors: LocalView::live_jpeg's; limit_reached while another thread takes its time.
  Result<std::vector<std::uint8_t>> get(const std::string& station, const std::string& camera);

 private:
  struct Picture {
    std::chrono::steady_clock::time_point taken{};
    std::vector<std::uint8_t> jpeg;
  };
  const LocalView& view_;
  std::timed_mutex asking_;
  std::mutex mutex_;
  std::map<std::string, Picture> latest_;  // of cameras that are there: bounded
};

}  // namespace lineside::gateway
