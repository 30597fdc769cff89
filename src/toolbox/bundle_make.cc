#include "toolbox/bundle_make.h"

#include <stdlib.h>

#include <charconv>

#include "base/file.h"
#include "base/version.h"
#include "inference/classifier.h"

namespace lineside::toolbox {

std::string creation_time(Clock& clock) {
  WallTime time = clock.wall();
  if (const char* epoch = ::getenv("SOURCE_DATE_EPOCH")) {
    const std::string_view text(epoch);
    std::int64_t seconds = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec == std::errc())
      time = WallTime{std::chrono::seconds{seconds}};
  }
  return to_rfc3339(time);
}

Result<bundle::Bundle> make_checked_bundle(bundle::Manifest manifest, std::span<const std::uint8_t> onnx,
                                           const bundle::SigningKey& key, const std::string& library,
                                           const fs::path& out) {
  if (manifest.created.empty()) manifest.created = creation_time(system_clock());
  if (manifest.tool.empty()) manifest.tool = std::string("lineside ").append(version());
  LINESIDE_ASSIGN(const auto bytes, bundle::make_bundle(manifest, onnx, &key));
  const bundle::Trust trust{.keys = {key.public_key()}};
  LINESIDE_ASSIGN(auto made, bundle::Bundle::parse(bytes, out.string(), trust));
  MetricsRegistry metrics;
  LINESIDE_ASSIGN(const auto classifier, inference::make_classifier(made, {.library = library}, metrics));
  LINESIDE_TRY(classifier->warm_up());
  LINESIDE_TRY(write_atomically(out, bytes));
  return made;
}

}  // namespace lineside::toolbox
