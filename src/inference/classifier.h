#pragma once
// gateway::Classifier made from a bundle: preprocessing straight into the bound input tensor, then the model, then the
// reject score as the manifest's output kind says.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "bundle/bundle.h"
#include "config/gateway_settings.h"
#include "gateway/api/classifier.h"

namespace lineside::inference {

// `reject_classes`: labels whose share makes the score; empty: the bundle's own. They need an output per label.
// Errors: those of Bundle::open and Session::create; bundle_invalid when manifest and model do not fit each other.
// Counts lineside_inference_provider_fallbacks_total when a provider could not be used and the CPU was allowed.
Result<std::unique_ptr<gateway::Classifier>> make_classifier(const std::filesystem::path& bundle,
                                                             const config::InferenceSettings& settings,
                                                             MetricsRegistry& metrics,
                                                             const std::vector<std::string>& reject_classes = {});
// The same for a bundle that is already open (and trusted).
Result<std::unique_ptr<gateway::Classifier>> make_classifier(const bundle::Bundle& bundle,
                                                             const config::InferenceSettings& settings,
                                                             MetricsRegistry& metrics,
                                                             const std::vector<std::string>& reject_classes = {});

}  // namespace lineside::inference
