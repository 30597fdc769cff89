#pragma once
// Pictures worth a look, kept on site as JPEG within a byte budget: rejects, items near the threshold, fail-safe items
// and a random share of passes. The oldest go first. What the site's share policy names also goes to the hub, in the
// bulk lane, counted in bytes (law 5): rejects, near-threshold and fail-safe items, never the random passes.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/gateway_settings.h"
#include "gateway/api/record_sink.h"
#include "gateway/api/sample_sink.h"

namespace lineside::gateway {

// One thread for all stations encodes, writes and deletes, behind a queue bounded in pictures and bytes; what does not
// fit is dropped and counted. Thread-safe.
class SampleStore {
 public:
  static constexpr std::size_t kQueuePictures = 32, kQueueBytes = 64u << 20;

  // Takes over what an earlier run left in `dir`. Errors: file_io. The references must outlive the store.
  static Result<std::unique_ptr<SampleStore>> open(const std::filesystem::path& dir,
                                                   const config::SampleStoreSettings& settings,
                                                   const std::vector<std::string>& stations, RecordSink& records,
                                                   Clock& clock, MetricsRegistry& metrics);
  ~SampleStore();  // close()

  SampleSink& station(const std::string& name);  // a name given to open()

  // The picture of an item: "STATION.ITEM", or empty if none is kept.
  std::string id_of(const std::string& station, std::uint64_t item) const;
  Result<std::vector<std::uint8_t>> jpeg(const std::string& id) const;  // errors: not_found

  std::uint64_t bytes() const;
  std::string trouble() const;  // what is wrong with the disk; empty: nothing
  void close();                 // writes what is queued

 private:
  class Sink;
  struct State;
  SampleStore();
  std::unique_ptr<State> state_;
};

}  // namespace lineside::gateway
