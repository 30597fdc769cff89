#pragma once
// Reads what inputs and outputs a loaded model has.
#include <vector>

#include "base/result.h"
#include "inference/runtime.h"
#include "inference/session.h"

namespace lineside::inference {

enum class Side : std::uint8_t { input, output };

// Dynamic dimensions are -1. Errors: model_unsupported (e.g. a sequence instead of a tensor).
Result<std::vector<TensorInfo>> read_tensors(const Runtime& runtime, const OrtSession& session, Side side);

// Sets a dynamic batch dimension to 1 and refuses what can't be bound: other dynamic dimensions, no or too many
// elements, types other than float32 and uint8. Errors: model_unsupported.
Result<void> make_fixed(std::vector<TensorInfo>& tensors, Side side);

std::size_t element_count(const TensorInfo& tensor);

}  // namespace lineside::inference
