#include "apps/gateway/model_files.h"

#include <format>

#include "base/file.h"
#include "bundle/bundle.h"
#include "inference/classifier.h"

namespace lineside::gateway {

BundleFile::BundleFile(fs::path file) : file_(std::move(file)), loaded_(identify()), seen_(loaded_) {}

BundleFile::Identity BundleFile::identify() const {
  std::error_code no_time, no_size;
  const Identity identity{fs::last_write_time(file_, no_time), fs::file_size(file_, no_size)};
  return no_time || no_size ? Identity{} : identity;
}

bool BundleFile::has_changed(bool settled) {
  const Identity now = identify();
  const bool moves = now != std::exchange(seen_, now);
  if ((settled && moves) || now == loaded_ || now == Identity{}) return false;
  loaded_ = now;
  return true;
}

ModelFile::ModelFile(const config::StationSettings& station, const config::InferenceSettings& inference,
                     bundle::Trust trust, fs::path record, MetricsRegistry& metrics)
    : station_(station),
      inference_(inference),
      trust_(std::move(trust)),
      record_(std::move(record)),
      metrics_(metrics),
      file_(station.bundle) {}

Result<LoadedModel> ModelFile::load(std::uint64_t newer_than) {
  LINESIDE_ASSIGN(const bundle::Bundle opened, bundle::Bundle::open(station_.bundle, trust_));
  const bundle::Manifest& manifest = opened.manifest();
  if (newer_than > 0 && manifest.counter <= newer_than)
    return fail(ErrorCode::bundle_rollback,
                std::format("{} has counter {}, the model in use has {}: only a higher one takes over.",
                            station_.bundle, manifest.counter, newer_than));
  LINESIDE_TRY(record_.check(manifest.name, manifest.counter));
  LINESIDE_ASSIGN(auto classifier, inference::make_classifier(opened, inference_, metrics_, station_.reject_classes));
  LINESIDE_TRY(classifier->warm_up());  // noted only when it runs: one that doesn't must not bar the way back
  LINESIDE_TRY(record_.note(manifest.name, manifest.counter));
  return LoadedModel{std::move(classifier), manifest.counter};
}

}  // namespace lineside::gateway
