#pragma once
// Execution providers by the short names of the configuration.
#include <string>
#include <vector>

#include "base/result.h"
#include "inference/runtime.h"

namespace lineside::inference {

struct ChosenProviders {
  std::string first = "cpu";        // where operators go first; what it does not take runs on the CPU
  std::vector<std::string> failed;  // "openvino: reason"
};

// Adds the providers to `options` in their order. Errors: runtime_unavailable when one can't be used and `fallback` is
// not allowed; the message lists what this library has.
Result<ChosenProviders> add_providers(const Runtime& runtime, OrtSessionOptions& options,
                                      const std::vector<std::string>& names, bool fallback);

}  // namespace lineside::inference
