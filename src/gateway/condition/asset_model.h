#pragma once
// The model of one asset: read from its bundle with all that law 7 asks for, and run window by window.
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "bundle/counter_record.h"
#include "bundle/keys.h"
#include "condition/scorer.h"
#include "config/gateway_settings.h"
#include "gateway/condition/window_maker.h"
#include "model/record.h"

namespace lineside::gateway {

// Owner thread only.
class AssetModel {
 public:
  // Errors: those of Bundle::open and Scorer::create; bundle_rollback (`record` knows a newer one, or its counter is
  // not above `newer_than`); config_invalid (the model is of another rate, or knows none of the asset's channels).
  static Result<std::unique_ptr<AssetModel>> load(const std::filesystem::path& bundle, const bundle::Trust& trust,
                                                  bundle::CounterRecord& record, std::uint64_t newer_than,
                                                  const config::AssetSettings& settings, const std::string& library);

  std::size_t window() const { return window_; }
  std::size_t hop() const { return hop_; }
  const std::string& version() const { return version_; }
  const std::string& identity() const { return identity_; }  // another for each content of the bundle
  std::uint64_t counter() const { return counter_; }
  // Errors: inference_failed.
  Result<condition::WindowScore> score(const MadeWindow& window);
  // Of the window that was scored last, in the nearest state; empty for telemetry and without features.
  std::vector<AssetSpectrum> spectra(const config::AssetSettings& settings) const;

 private:
  AssetModel() = default;
  std::unique_ptr<condition::Scorer> scorer_;
  std::unique_ptr<condition::WindowExtractor> extractor_;
  condition::RecentScores recent_;
  condition::WindowFeatures features_;
  std::vector<std::size_t> channel_of_;  // by the model's channels: the asset's, or its number of channels if not there
  std::vector<float> missing_;
  std::size_t window_ = 1, hop_ = 1;
  std::string version_, identity_;
  std::uint64_t counter_ = 0;
};

}  // namespace lineside::gateway
