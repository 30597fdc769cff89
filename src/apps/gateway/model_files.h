#pragma once
// The bundle files of the stations: reading them with all that law 7 asks for, and noticing that a newer one is there.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "bundle/counter_record.h"
#include "bundle/keys.h"
#include "config/gateway_settings.h"
#include "gateway/inspection/model_worker.h"

namespace lineside::gateway {

// Notices that a bundle's file has become another one. Owner thread only.
class BundleFile {
 public:
  explicit BundleFile(std::filesystem::path file);
  // True once each time the file has become another one. With `settled` only when it has stayed so since the last call:
  // a copy under way is not read. Call about once a second.
  bool has_changed(bool settled);

 private:
  struct Identity {
    std::filesystem::file_time_type time{};
    std::uintmax_t bytes = 0;
    bool operator==(const Identity&) const = default;
  };
  Identity identify() const;
  std::filesystem::path file_;
  Identity loaded_, seen_;
};

// One per station. Thread-safe: each camera's model thread loads for itself.
class ModelFile {
 public:
  // `record`: file of the CounterRecord of this station.
  ModelFile(const config::StationSettings& station, const config::InferenceSettings& inference, bundle::Trust trust,
            std::filesystem::path record, MetricsRegistry& metrics);

  // Opens and verifies the bundle, refuses one whose counter is lower than any that ran here under the same name, or
  // not above `newer_than`. Errors: those of Bundle::open and make_classifier, bundle_rollback, file_io.
  Result<LoadedModel> load(std::uint64_t newer_than);

  bool has_changed(bool settled) { return file_.has_changed(settled); }  // as BundleFile's

 private:
  const config::StationSettings station_;
  const config::InferenceSettings inference_;
  const bundle::Trust trust_;
  bundle::CounterRecord record_;
  MetricsRegistry& metrics_;
  BundleFile file_;
};

}  // namespace lineside::gateway
