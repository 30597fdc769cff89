#include "config/asset_schema.h"
#include "config/broker_table.h"
#include "config/gateway_settings.h"
#include "config/grants.h"
#include "config/sparkplug_schema.h"
#include "config/table.h"
#include "config/tag_schema.h"

namespace lineside::config {
namespace {

constexpr double kHourMs = 3'600'000, kPortMax = 65'535, kTera = 1e12;

Table<CameraSettings> camera_table() {
  using Kind = CameraSettings::Kind;
  return Table<CameraSettings>("A camera")
      .text("name", &CameraSettings::name, TextRule::name, "What stations call it.")
      .required()
      .choice("kind", &CameraSettings::kind,
              {{"rtsp", Kind::rtsp},
               {"v4l2", Kind::v4l2},
               {"gige", Kind::gige},
               {"pipeline", Kind::pipeline},
               {"folder", Kind::folder}},
              "How it is reached: network stream, Linux video device, GigE Vision, any GStreamer pipeline, or a folder "
              "of pictures as a replay.")
      .text("url", &CameraSettings::url, TextRule::any, "rtsp: address, rtsp://HOST:PORT/PATH.")
      .text("device", &CameraSettings::device, TextRule::any,
            "v4l2: device file. gige: the camera's id; empty takes the first one found.")
      .text("pipeline", &CameraSettings::pipeline, TextRule::any,
            "pipeline: GStreamer elements, ending where the frames come out.")
      .text("path", &CameraSettings::path, TextRule::path, "folder: where the pictures are, taken in name order.")
      .number("rate_hz", &CameraSettings::rate_hz, "Hz", 0, 1000,
              "folder: pictures a second; 0 goes as fast as the station takes them.")
      .flag("loop", &CameraSettings::loop, "folder: start again after the last picture.")
      .integer("width", &CameraSettings::width, "px", 0, 16'384,
               "Expected picture width; 0 takes the first frame's. Another width later is a camera fault.")
      .integer("height", &CameraSettings::height, "px", 0, 16'384,
               "Expected picture height; 0 takes the first frame's.")
      .milliseconds("stall_max_ms", &CameraSettings::stall_max, 10, kHourMs,
                    "Without a frame for so long the camera counts as down and is opened again.")
      .milliseconds("reconnect_min_ms", &CameraSettings::reconnect_min, 10, kHourMs,
                    "Wait before the first attempt to open it again; doubles with each failure.")
      .milliseconds("reconnect_max_ms", &CameraSettings::reconnect_max, 10, kHourMs, "Longest wait between attempts.");
}

Table<TriggerSettings> trigger_table() {
  using Kind = TriggerSettings::Kind;
  using Edge = TriggerSettings::Edge;
  return Table<TriggerSettings>("A station's trigger")
      .choice("kind", &TriggerSettings::kind, {{"every_frame", Kind::every_frame}, {"gpio", Kind::gpio}},
              "What says that an item is there: each frame of the camera, or an input line.")
      .text("chip", &TriggerSettings::chip, TextRule::any, "gpio: chip, as gpiochip0 or /dev/gpiochip0.")
      .integer("line", &TriggerSettings::line, "", 0, 4095, "gpio: line offset on the chip.")
      .choice("edge", &TriggerSettings::edge, {{"rising", Edge::rising}, {"falling", Edge::falling}},
              "gpio: the edge that means an item.")
      .milliseconds("debounce_ms", &TriggerSettings::debounce, 0, 1000, "gpio: shorter pulses are ignored.")
      .milliseconds("frame_wait_max_ms", &TriggerSettings::frame_wait_max, 1, 60'000,
                    "How long after the trigger its frame may come; later the item gets the fail-safe verdict.");
}

Table<ActuatorSettings> actuator_table() {
  using Kind = ActuatorSettings::Kind;
  using Safe = ActuatorSettings::SafeState;
  return Table<ActuatorSettings>("A station's actuator")
      .choice("kind", &ActuatorSettings::kind,
              {{"none", Kind::none}, {"gpio", Kind::gpio}, {"modbus", Kind::modbus}, {"mqtt", Kind::mqtt}},
              "What removes a rejected item: nothing, an output line, a Modbus TCP coil, or an MQTT message.")
      .milliseconds("delay_ms", &ActuatorSettings::delay, 0, 600'000,
                    "Transport delay: from the trigger to the moment the item is in front of the rejector.")
      .milliseconds("pulse_ms", &ActuatorSettings::pulse, 1, 60'000, "How long the output stays on.")
      .milliseconds("tolerance_ms", &ActuatorSettings::tolerance, 0, 60'000,
                    "Later than delay_ms + tolerance_ms the item has gone by: the rejector is not fired, and that is "
                    "counted.")
      .choice("safe_state", &ActuatorSettings::safe_state,
              {{"reject_all", Safe::reject_all}, {"pass_all", Safe::pass_all}, {"hold", Safe::hold}},
              "What the station asks of the rejector when it can't be trusted: reject everything, pass everything, or "
              "stay as it is.")
      .text("chip", &ActuatorSettings::chip, TextRule::any, "gpio: chip, as gpiochip0 or /dev/gpiochip0.")
      .integer("line", &ActuatorSettings::line, "", 0, 4095, "gpio: line offset on the chip.")
      .flag("active_low", &ActuatorSettings::active_low, "gpio: the output is on when the line is low.")
      .beside("", &ActuatorSettings::at,
              broker_table(ActuatorSettings{}.at,
                           {.of_kind = "mqtt: ",
                            .host = "modbus, mqtt: host name or address.",
                            .port = "modbus, mqtt: TCP port.",
                            .without_tls = "Without it the broker must be on this machine, or `plain` set.",
                            .certificate = "certificate for the actuator's broker (PEM), not the uplink's where that "
                                           "broker is the same."}))
      .integer("unit", &ActuatorSettings::unit, "", 0, 255, "modbus: unit identifier.")
      .integer("coil", &ActuatorSettings::coil, "", 0, 65'535, "modbus: address of the reject coil, from 0.")
      .integer("item_register", &ActuatorSettings::item_register, "", -1, 65'534,
               "modbus: first of two holding registers that take the item number before the coil; -1: none.")
      .integer("safe_coil", &ActuatorSettings::safe_coil, "", -1, 65'535,
               "modbus: coil that stands for the safe state; -1: none.")
      .flag("read_back", &ActuatorSettings::read_back, "modbus: read the coil after writing it.")
      .text("topic", &ActuatorSettings::topic, TextRule::any, "mqtt: topic of the reject message.")
      .flag(
          "plain", &ActuatorSettings::plain,
          "mqtt: allow a broker on another machine without TLS. Whoever is on that network can then fire the rejector, "
          "keep it from firing and read the password.")
      .milliseconds("timeout_ms", &ActuatorSettings::timeout, 1, 60'000, "How long the device may take to answer.");
}

Table<StationSettings> station_table() {
  return Table<StationSettings>("A station")
      .text("name", &StationSettings::name, TextRule::name, "Unique in this gateway.")
      .required()
      .text_list("cameras", &StationSettings::cameras, TextRule::any,
                 "Names of the cameras that look at the same item; with several, they vote.")
      .required()
      .integer("votes_needed", &StationSettings::votes_needed, "", 1, 8,
               "So many cameras must say reject for the item to be rejected.")
      .object("trigger", &StationSettings::trigger, trigger_table(), "What says that an item is there.")
      .text("bundle", &StationSettings::bundle, TextRule::path, "The signed model bundle, an .lsb file.")
      .required()
      .number("reject_threshold", &StationSettings::reject_threshold, "", 0, 1,
              "Scores from here on are rejected; not set: the bundle's own threshold.")
      .number("doubt_band", &StationSettings::doubt_band, "", 0, 1,
              "Scores within this below the threshold are rejected too (reject on doubt).")
      .text_list("reject_classes", &StationSettings::reject_classes, TextRule::any,
                 "Labels that mean reject; empty: the bundle's own.")
      .milliseconds("deadline_ms", &StationSettings::deadline, 1, 600'000,
                    "From trigger to verdict. A later answer is the fail-safe verdict.")
      .choice("fail_safe", &StationSettings::fail_safe, {{"reject", Decision::reject}, {"pass", Decision::pass}},
              "The verdict of an item that gets none in time.")
      .object("actuator", &StationSettings::actuator, actuator_table(), "What removes a rejected item.")
      .integer("queue_items", &StationSettings::queue_items, "", 1, 60,
               "Items that may wait for the model; one more gets the fail-safe verdict at once.")
      .integer("cpu", &StationSettings::cpu, "", -1, 1023, "Core that the station's thread is pinned to; -1: any.");
}

Table<SampleStoreSettings> samples_table() {
  using Level = ShareSettings::Level;
  const auto share =
      Table<ShareSettings>("What may leave the site")
          .choice("level", &ShareSettings::level,
                  {{"none", Level::none}, {"thumbnail", Level::thumbnail}, {"full", Level::full}},
                  "Which pictures of rejects go to the hub: none, small ones, or as taken.")
          .integer("thumbnail_px", &ShareSettings::thumbnail_px, "px", 32, 1024, "Longer side of a thumbnail.")
          .number("per_minute_max", &ShareSettings::per_minute_max, "1/min", 0, 6000,
                  "Pictures a minute that each station may send; more stay here.");
  return Table<SampleStoreSettings>("The sample store")
      .text("path", &SampleStoreSettings::path, TextRule::any, "Folder below data_dir.")
      .integer("bytes_max", &SampleStoreSettings::bytes_max, "bytes", 1e6, 100 * kTera,
               "Byte budget; the oldest pictures go first.")
      .number("pass_share", &SampleStoreSettings::pass_share, "", 0, 1, "Random share of passed items that is kept.")
      .number("near_threshold", &SampleStoreSettings::near_threshold, "", 0, 1,
              "Items whose score is closer than this to the threshold are kept.")
      .object("share", &SampleStoreSettings::share, share, "What of it may leave the site.");
}

Table<OutboxSettings> outbox_table() {
  return Table<OutboxSettings>("The outbox")
      .integer("urgent_bytes_max", &OutboxSettings::urgent_bytes_max, "bytes", 1e6, kTera,
               "Disk budget of verdicts and events that wait for the hub.")
      .integer("bulk_bytes_max", &OutboxSettings::bulk_bytes_max, "bytes", 1e6, kTera,
               "Disk budget of summaries and shared pictures that wait for the hub.")
      .milliseconds("commit_delay_ms", &OutboxSettings::commit_delay, 1, 10'000,
                    "Records wait at most this long to be written together.")
      .integer("queue_records", &OutboxSettings::queue_records, "", 16, 1e6,
               "Records in memory before the disk; more are declared lost.");
}

Table<UplinkSettings> uplink_table() {
  return Table<UplinkSettings>("The uplink")
      .flag("enabled", &UplinkSettings::enabled, "Send to a hub; without it the gateway works alone.")
      .beside("", &UplinkSettings::broker,
              broker_table({}, {.of_kind = "",
                                .host = "The MQTT broker's host name or address.",
                                .port = "The broker's TCP port.",
                                .without_tls = "Without it the broker must be on this machine.",
                                .certificate = "this gateway's certificate (PEM)."}))
      .milliseconds("batch_delay_ms", &UplinkSettings::batch_delay, 0, 60'000,
                    "A batch waits at most this long for more records.")
      .integer("batch_records", &UplinkSettings::batch_records, "", 1, 10'000, "Most records in one batch.")
      .integer("in_flight_batches", &UplinkSettings::in_flight_batches, "", 1, 64,
               "Batches sent and not yet acknowledged, in each lane.")
      .milliseconds("ack_timeout_ms", &UplinkSettings::ack_timeout, 100, 600'000,
                    "A batch not acknowledged for so long is sent again.")
      .milliseconds("reconnect_min_ms", &UplinkSettings::reconnect_min, 10, kHourMs,
                    "Wait before the first attempt to connect again; doubles with each failure.")
      .milliseconds("reconnect_max_ms", &UplinkSettings::reconnect_max, 10, kHourMs, "Longest wait between attempts.");
}

Table<InferenceSettings> inference_table() {
  return Table<InferenceSettings>("Inference")
      .text("library", &InferenceSettings::library, TextRule::path,
            "ONNX Runtime's library, e.g. a vendor's build with its NPU; empty: the system's.")
      .text_list("providers", &InferenceSettings::providers, TextRule::any,
                 "Execution providers in order of preference.")
      .flag("fallback_to_cpu", &InferenceSettings::fallback_to_cpu,
            "When a provider fails to load: go on with the CPU and count it, instead of not starting.")
      .text_list("trusted_keys", &InferenceSettings::trusted_keys, TextRule::path,
                 "Public keys (PEM) of those who may sign bundles.")
      .flag("allow_unsigned", &InferenceSettings::allow_unsigned,
            "Run bundles that nobody signed. One signed by an unknown key is refused all the same. For trials only.");
}

}  // namespace

Schema gateway_schema() {
  return Table<GatewaySettings>("The gateway")
      .text("tenant", &GatewaySettings::tenant, TextRule::name, "Whose gateway this is, as the hub knows it.")
      .text("gateway", &GatewaySettings::gateway, TextRule::name, "This gateway's id, unique for the tenant.")
      .required()
      .text("data_dir", &GatewaySettings::data_dir, TextRule::path, "Folder of the ledger, the outbox and the samples.")
      .required()
      .list("cameras", &GatewaySettings::cameras, camera_table(), "The cameras.")
      .list("stations", &GatewaySettings::stations, station_table(), "The places where items are inspected.")
      .list("waveform_sources", &GatewaySettings::waveform_sources, waveform_source_table(),
            "Where waveforms of machines come from.")
      .list("assets", &GatewaySettings::assets, asset_table(), "The machines that are watched.")
      .beside("", &GatewaySettings::telemetry, tag_lists_table())
      .object("telemetry", &GatewaySettings::telemetry, telemetry_table(), "How readings get to the hub.")
      .object("sparkplug", &GatewaySettings::sparkplug, sparkplug_table(), "Tags for SCADA systems, without the hub.")
      .text_list("rules", &GatewaySettings::rules, TextRule::path,
                 "Files of rules over the tags that raise alarms (docs/rules.md). A mistake in one is a mistake here.")
      .list("grants", &GatewaySettings::grants, grant_table(),
            "What rules may write; nothing else is ever written to the plant (docs/rules.md).")
      .object("samples", &GatewaySettings::samples, samples_table(), "Pictures kept on site.")
      .object("ledger", &GatewaySettings::ledger,
              Table<LedgerSettings>("The ledger")
                  .integer("bytes_max", &LedgerSettings::bytes_max, "bytes", 1e5, kTera,
                           "Size of the ring; the oldest file goes when it is full."),
              "One line for each item, kept on site.")
      .object("outbox", &GatewaySettings::outbox, outbox_table(), "What waits for the hub.")
      .object("uplink", &GatewaySettings::uplink, uplink_table(), "The way to the hub.")
      .object("inference", &GatewaySettings::inference, inference_table(), "How models are run.")
      .object("local", &GatewaySettings::local,
              Table<LocalSettings>("The local endpoint")
                  .flag("enabled", &LocalSettings::enabled, "Serve health, metrics and the latest verdicts over HTTP.")
                  .text("address", &LocalSettings::address, TextRule::any,
                        "Address to listen on. Whoever reaches it can read without signing in, hence loopback.")
                  .integer("port", &LocalSettings::port, "", 1, kPortMax, "TCP port."),
              "The page and figures that work without a hub.")
      .milliseconds("summary_period_ms", &GatewaySettings::summary_period, 100, kHourMs,
                    "How often each station's counts go to the hub.")
      .schema();
}

}  // namespace lineside::config
