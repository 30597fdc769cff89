#pragma once
// Makes a bundle from an ONNX model that somebody trained elsewhere.
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "bundle/bundle.h"

namespace lineside::toolbox {

// "2026-11-22T15:04:05.000Z": now, or the time of SOURCE_DATE_EPOCH (reproducible-builds.org) where that is set.
std::string creation_time(Clock& clock);

// Signs `manifest` and `onnx`, opens the result as a gateway would, runs the model once, and only then writes it.
// Fills in `created` and `tool` where empty. Errors: bundle_invalid and model_unsupported say what does not fit.
Result<bundle::Bundle> make_checked_bundle(bundle::Manifest manifest, std::span<const std::uint8_t> onnx,
                                           const bundle::SigningKey& key, const std::string& library,
                                           const std::filesystem::path& out);

}  // namespace lineside::toolbox
