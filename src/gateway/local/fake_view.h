#pragma once
// Tests only: a gateway with two stations, one of them in trouble, and verdicts that the test adds.
#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/local/local_server.h"

namespace lineside::gateway {

class FakeView final : public LocalView {
 public:
  std::string gateway() const override { return "gw-<b>1"; }
  std::vector<std::string> trouble() const override { return gateway_trouble; }
  std::string metrics_text() const override { return "# TYPE lineside_x counter\nlineside_x 1\n"; }
  std::vector<StationStatus> stations() const override { return station_list; }
  std::vector<AssetStatus> assets() const override { return asset_list; }
  std::vector<TagRow> tags() const override { return tag_list; }
  std::vector<AlarmRow> alarms() const override { return alarm_list; }
  Result<std::vector<VerdictRow>> ledger_tail(const std::string& station, std::size_t tail) const override {
    if (station != "line1") return fail(ErrorCode::not_found, "there is no station '" + station + "'");
    return latest_verdicts(tail);
  }
  std::vector<VerdictRow> latest_verdicts(std::size_t tail) const override {
    return {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(std::min(tail, rows.size()))};
  }
  Result<std::vector<std::uint8_t>> sample_jpeg(const std::string& id) const override {
    {
      const std::lock_guard lock(mutex);
      asked.push_back(id);
    }
    if (id != "s-1") return fail(ErrorCode::not_found, "no");
    return std::vector<std::uint8_t>{0xFF, 0xD8, 0xFF, 0xD9};
  }

  Result<std::vector<std::uint8_t>> live_jpeg(const std::string& station, const std::string& camera) const override {
    {
      const std::lock_guard lock(mutex);
      asked.push_back(station + "/" + camera);
    }
    if (camera == "cam2") return fail(ErrorCode::timeout, "no picture came within 500 ms");
    if (station != "line1" || camera != "cam1") return fail(ErrorCode::not_found, "no");
    return std::vector<std::uint8_t>{0xFF, 0xD8, 0xFF, 0xD9};
  }

  std::vector<std::string> gateway_trouble;
  std::vector<StationStatus> station_list;
  std::vector<TagRow> tag_list;
  std::vector<AlarmRow> alarm_list;
  std::vector<AssetStatus> asset_list;
  std::vector<VerdictRow> rows;
  mutable std::mutex mutex;
  mutable std::vector<std::string> asked;
};

inline StationStatus fine_station(const std::string& name) {
  using namespace std::chrono_literals;
  StationStatus station;
  station.name = name;
  station.cameras = {{"cam1", true, ""}};
  station.has_actuator = station.actuator_up = true;
  station.model_version = "caps@3";
  station.deadline = 50ms;
  station.latency = {2ms, 4ms, 6ms, 9ms};
  return station;
}

}  // namespace lineside::gateway
