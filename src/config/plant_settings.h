#pragma once
// The simulated plant's settings; see gateway_settings.h for how they are made and documented (plant_schema.cc).
#include <chrono>
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

// A motor or a pump that sends its vibration to an MQTT broker on this machine, and offers it over OPC UA if asked to.
struct MachineSettings {
  std::string name = "motor1";
  std::string kind = "motor";  // motor or pump
  std::string broker_host = "127.0.0.1";
  int broker_port = 1883;
  std::string topic;
  std::string format = "int16";  // int16, int24 or float32
  double rate_hz = 10'000;
  int axes = 3;
  bool opcua = false;
  double speed_hz = 29.3;
  double block_ms = 100;
  std::string fault = "ok";  // begins after fault_after_s, grows to `severity` over fault_grows_s
  double severity = 1;
  double fault_after_s = 60, fault_grows_s = 20;
};

// Instruments whose slow signals are served by OPC UA, Modbus TCP and MQTT.
struct TagPlantSettings {
  int count = 0;  // 0: none
  std::chrono::milliseconds period{1000};
  bool always_new = false;              // no value equals the one before
  int opcua_port = 0, modbus_port = 0;  // 0: not so
  std::string broker_host = "127.0.0.1";
  int broker_port = 1883;
  std::string topic;  // empty: not by MQTT
};

struct PlantSettings {
  std::string address = "127.0.0.1";
  std::string truth_file;  // one JSON line per bottle: id, class, time, hit
  std::uint64_t seed = 1;
  double minutes = 0;  // 0: until stopped
  int opcua_port = 4840;
  std::vector<BottlingLineSettings> lines;
  std::vector<MachineSettings> machines;
  TagPlantSettings instruments;
};

}  // namespace lineside::config
