#pragma once
// The gateway's own small HTTP endpoint: health, metrics, stations, the ledger's tail, and a page with the latest
// verdicts that needs neither hub nor internet. Read-only; bound to loopback unless configured. HTTP/1.1 (RFC 9112).
//
//   GET /healthz                        200; 503 when the gateway, a station, an asset or an asset's sensors are in
//                                       trouble: {"ok":false,"trouble":["..."]}. What is wrong with the machine that an
//                                       asset watches or a rule has found is an event and no
//                                       trouble of the gateway's
//   GET /metrics                        Prometheus text format 0.0.4
//   GET /api/stations                   {"gateway":"g1","stations":[...]}
//   GET /api/assets                     {"gateway":"g1","assets":[...]}: machines that are watched, with spectra
//   GET /api/alarms                     {"gateway":"g1","alarms":[...]}: alarms of rules and of tags' limits that are
//                                       there, and rules that can't be judged now; the worst first
//   GET /api/ledger?station=S&tail=N    the last N (1..1000, default 100) items of a station, oldest first
//   GET /api/verdicts/latest?tail=N     the last N (1..200, default 50) verdicts of all stations, newest first
//   GET /samples/ID.jpg                 a picture of the sample store
//   GET /live/STATION/CAMERA.jpg        what the camera sees now, small; a new one twice a second at most
//   GET /                               the page
//
// Safe against hostile input: bounded threads, waiting connections, request size and time; a Host that is not an
// address, `localhost` or this machine's name is refused (DNS rebinding); other methods get 405.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/asset_status.h"
#include "model/record.h"
#include "model/sample.h"

namespace lineside::gateway {

struct CameraStatus {
  std::string name;
  bool up = false;
  std::string message;  // what happened and what is done about it; empty when up
};

struct StationLatency {  // from trigger to verdict
  std::chrono::nanoseconds p50{}, p99{}, p999{}, max{};
};

struct StationStatus {
  std::string name;
  std::string trouble;  // a sentence for each trouble; empty: all is well
  std::vector<CameraStatus> cameras;
  bool has_actuator = false, actuator_up = false;
  std::string actuator_message;
  std::string model_version;
  double reject_threshold = 0;
  std::chrono::nanoseconds deadline{};
  std::uint64_t items = 0, passed = 0, rejected = 0, fail_safe = 0, late = 0, actuation_failed = 0;
  StationLatency latency;
};

struct VerdictRow {
  std::string station;
  Verdict verdict;
  std::string label;          // "" unknown
  std::string model_version;  // "name@version"
  std::string sample_id;      // "" no picture was kept; else letters, digits, '.', '_' and '-', at most 128
};

// A tag's newest reading.
struct TagRow {
  std::string tag, unit;
  Sample newest;  // received is zero: nothing came yet
};

// A rule with an alarm or one that can't be judged now, or a tag beyond one of its limits.
struct AlarmRow {
  std::string rule, asset;  // rule: empty for a limit, whose asset is the tag
  Severity severity = Severity::medium;
  std::string state;                         // "normal", "active" or "latched"
  bool acknowledged = false, known = false;  // known: its tags are
  WallTime since{};                          // in this state; zero: since the start
  std::string message;                       // empty in state normal
};

// What the endpoint shows; the gateway's wiring implements it. Called on the server's threads, several at once: it must
// be thread-safe and return within milliseconds, without ever making a station wait.
class LocalView {
 public:
  virtual ~LocalView() = default;
  virtual std::string gateway() const = 0;
  virtual std::vector<std::string> trouble()
      const = 0;  // of the gateway as a whole (disk, outbox); stations have theirs
  virtual std::string metrics_text() const = 0;
  virtual std::vector<StationStatus> stations() const = 0;
  virtual std::vector<AssetStatus> assets() const = 0;
  virtual std::vector<TagRow> tags() const = 0;
  virtual std::vector<AlarmRow> alarms() const = 0;
  virtual Result<std::vector<VerdictRow>> ledger_tail(const std::string& station,
                                                      std::size_t tail) const = 0;  // not_found
  virtual std::vector<VerdictRow> latest_verdicts(std::size_t tail) const = 0;
  virtual Result<std::vector<std::uint8_t>> sample_jpeg(const std::string& id) const = 0;  // not_found
  // The next frame of a camera. May take half a second, one call at a time. Errors: not_found, timeout, limit_reached.
  virtual Result<std::vector<std::uint8_t>> live_jpeg(const std::string& station, const std::string& camera) const = 0;
};

// Its destructor stops the server and waits for requests that run (a few seconds at most).
class LocalServer {
 public:
  // Listens when it returns; `view` must outlive it. Port 0 takes a free one. Errors: address_in_use.
  static Result<std::unique_ptr<LocalServer>> start(const config::LocalSettings& settings, const LocalView& view);
  ~LocalServer();
  int port() const;

 private:
  struct State;
  explicit LocalServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::gateway
