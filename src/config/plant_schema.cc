#include "config/plant_settings.h"
#include "config/table.h"

namespace lineside::config {

Schema plant_schema() {
  constexpr double kPortMax = 65'535;
  using Line = BottlingLineSettings;
  const auto line =
      Table<Line>("A bottling line")
          .text("name", &Line::name, TextRule::name, "Unique; also the path of its camera stream.")
          .number("items_per_minute", &Line::items_per_minute, "1/min", 1, 6000, "Bottles a minute.")
          .integer("width", &Line::width, "px", 64, 4096, "Picture width.")
          .integer("height", &Line::height, "px", 64, 4096, "Picture height.")
          .number("defect_share", &Line::defect_share, "", 0, 1,
                  "Share of bottles whose cap is tilted, missing or of the wrong colour.")
          .number("noise", &Line::noise, "grey levels of 255", 0, 64, "Standard deviation of the picture noise.")
          .number("blur_px", &Line::blur_px, "px", 0, 16, "Blur of the lens and the motion.")
          .number("light_drift", &Line::light_drift, "", 0, 1, "Slow change of brightness, share of full.")
          .choice("codec", &Line::codec, {"h264", "mjpeg"}, "How the camera codes its stream.")
          .integer("rtsp_port", &Line::rtsp_port, "", 1, kPortMax, "The camera: rtsp://ADDRESS:PORT/NAME.")
          .integer("modbus_port", &Line::modbus_port, "", 1, kPortMax, "The rejector's Modbus TCP server.")
          .number("rejector_delay_ms", &Line::rejector_delay_ms, "ms", 1, 60'000,
                  "A bottle's way from the camera to the rejector.")
          .number("rejector_window_ms", &Line::rejector_window_ms, "ms", 1, 60'000,
                  "A hit within half of this before or after hits the bottle itself, another one its neighbour.");
  using Machine = MachineSettings;
  const auto machine =
      Table<Machine>("A machine")
          .text("name", &Machine::name, TextRule::name, "Unique.")
          .choice("kind", &Machine::kind, {"motor", "pump"}, "What it is.")
          .text("broker_host", &Machine::broker_host, TextRule::any, "MQTT broker that takes its waveforms.")
          .integer("broker_port", &Machine::broker_port, "", 1, kPortMax, "The broker's TCP port, without TLS.")
          .text("topic", &Machine::topic, TextRule::any, "Topic of its blocks.")
          .required()
          .choice("format", &Machine::format, {"int16", "int24", "float32"}, "How samples are coded.")
          .number("rate_hz", &Machine::rate_hz, "Hz", 100, 200'000, "Samples a second of each axis.")
          .integer("axes", &Machine::axes, "", 1, 8, "Accelerometer axes; the last one is axial.")
          .flag(
              "opcua", &Machine::opcua,
              "Also offers each block over OPC UA (opcua_port): nodes `ns=1;s=NAME.x`, `.y`, `.z`, `.a4` ..., an array "
              "of Float each, without security.")
          .number("speed_hz", &Machine::speed_hz, "Hz", 1, 500, "Turns a second.")
          .number("block_ms", &Machine::block_ms, "ms", 1, 10'000, "Length of a block.")
          .choice("fault", &Machine::fault,
                  {"ok", "unbalance", "misalignment", "looseness", "outer_race", "inner_race", "ball", "gear",
                   "cavitation"},
                  "What it gets by itself.")
          .number("severity", &Machine::severity, "", 0, 100, "How bad it gets: 1 is plain to see, 0.3 early.")
          .number("fault_after_s", &Machine::fault_after_s, "s", 0, 1e7, "The fault begins so long after the start.")
          .number("fault_grows_s", &Machine::fault_grows_s, "s", 0, 1e7, "It grows for so long.");
  using Tags = TagPlantSettings;
  const auto instruments =
      Table<Tags>("Instruments")
          .integer("count", &Tags::count, "", 0, 100'000, "So many signals; Modbus serves the first 32768.")
          .milliseconds("period_ms", &Tags::period, 10, 3'600'000, "Each has a new value so often.")
          .flag(
              "always_new", &Tags::always_new,
              "No value equals the one before: where a signal stands still it changes by a trifle. For load tests, as "
              "OPC UA sends changes only.")
          .integer("opcua_port", &Tags::opcua_port, "", 0, kPortMax, "TCP port of their OPC UA server; 0: none.")
          .integer("modbus_port", &Tags::modbus_port, "", 0, kPortMax, "TCP port of their Modbus server; 0: none.")
          .text("broker_host", &Tags::broker_host, TextRule::any, "MQTT broker that takes them.")
          .integer("broker_port", &Tags::broker_port, "", 1, kPortMax, "The broker's TCP port, without TLS.")
          .text("topic", &Tags::topic, TextRule::any, "They are published below it; empty: not.");
  return Table<PlantSettings>("The simulated plant")
      .text("address", &PlantSettings::address, TextRule::any, "Address that cameras and rejectors listen on.")
      .text("truth_file", &PlantSettings::truth_file, TextRule::path,
            "Where the truth is written, one JSON line for each bottle; empty: nowhere.")
      .integer("seed", &PlantSettings::seed, "", 0, 9e15,
               "Start of the random numbers: the same seed, the same bottles.")
      .number("minutes", &PlantSettings::minutes, "min", 0, 1e6, "Stops after so long; 0: when told to.")
      .integer("opcua_port", &PlantSettings::opcua_port, "", 1, kPortMax, "TCP port of the OPC UA server.")
      .list("lines", &PlantSettings::lines, line, "The lines.")
      .list("machines", &PlantSettings::machines, machine, "Motors and pumps.")
      .object("instruments", &PlantSettings::instruments, instruments, "Instruments with slow signals, all simulated.")
      .schema();
}

}  // namespace lineside::config
