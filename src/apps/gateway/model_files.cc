#include "apps/gateway/model_files.h"

#include <format>
#include <sstream>

#include "base/file.h"
#include "bundle/bundle.h"
#include "inference/classifier.h"

namespace lineside::gateway {

ModelFile::ModelFile(const config::StationSettings& station, const config::InferenceSettings& inference,
                     bundle::Trust trust, fs::path record, MetricsRegistry& metrics)
    : station_(station),
      inference_(inference),
      trust_(std::move(trust)),
      record_(std::move(record)),
      metrics_(metrics),
      loaded_(identify()),
      seen_(loaded_) {}

ModelFile::Identity ModelFile::identify() const {
  std::error_code no_time, no_size;
  const Identity identity{fs::last_write_time(station_.bundle, no_time), fs::file_size(station_.bundle, no_size)};
  return no_time || no_size ? Identity{} : identity;
}

bool ModelFile::has_changed(bool settled) {
  const Identity now = identify();
  const bool moves = now != std::exchange(seen_, now);
  if ((settled && moves) || now == loaded_ || now == Identity{}) return false;
  loaded_ = now;
  return true;
}

Result<LoadedModel> ModelFile::load(std::uint64_t newer_than) {
  LINESIDE_ASSIGN(const bundle::Bundle opened, bundle::Bundle::open(station_.bundle, trust_));
  const bundle::Manifest& manifest = opened.manifest();
  if (newer_than > 0 && manifest.counter <= newer_than)
    return fail(ErrorCode::bundle_rollback,
                std::format("{} has counter {}, the model in use has {}: only a higher one takes over.",
                            station_.bundle, manifest.counter, newer_than));
  LINESIDE_TRY(check_counter(manifest.name, manifest.counter));
  LINESIDE_ASSIGN(auto classifier, inference::make_classifier(opened, inference_, metrics_, station_.reject_classes));
  return LoadedModel{std::move(classifier), manifest.counter};
}

Result<void> ModelFile::check_counter(const std::string& name, std::uint64_t counter) {
  std::lock_guard lock(mutex_);
  std::string known_name;
  std::uint64_t known = 0;
  if (const auto text = read_text(record_)) std::istringstream(*text) >> known_name >> known;
  if (known_name != name) known = 0;
  if (counter < known)
    return fail(ErrorCode::bundle_rollback,
                std::format("{} has counter {}, but {} with counter {} has run on station {} before.", station_.bundle,
                            counter, name, known, station_.name));
  if (counter == known) return {};
  return write_atomically(record_, std::format("{} {}\n", name, counter));
}

}  // namespace lineside::gateway
