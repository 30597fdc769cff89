#pragma once
// The simulated plant's settings; see gateway_settings.h for how they are made and documented (plant_schema.cc).
#include <cstdint>
#include <string>
#include <vector>

namespace lineside::config {

struct BottlingLineSettings {
  std::string name = "line1";
  double items_per_minute = 600;
  int width = 320, height = 240;
  double defect_share = 0.03;  // tilted, missing and wrong-coloured caps together
  double noise = 4;            // standard deviation of the picture noise, grey levels of 255
  double blur_px = 0.6;
  double light_drift = 0.15;       // slow change of brightness, share of full
  std::string codec = "h264";      // h264 or mjpeg
  int rtsp_port = 8554;            // rtsp://HOST:PORT/NAME
  int modbus_port = 1502;          // the rejector
  double rejector_delay_ms = 80;   // from the camera to the rejector
  double rejector_window_ms = 40;  // a hit within +- half of this is this bottle's, otherwise the next one's
};

struct PlantSettings {
  std::string address = "127.0.0.1";
  std::string truth_file;  // one JSON line per bottle: id, class, time, hit
  std::uint64_t seed = 1;
  double minutes = 0;  // 0: until stopped
  std::vector<BottlingLineSettings> lines;
};

}  // namespace lineside::config
