#pragma once
// Trained networks as one ONNX graph (opset 13): input "image" [1,C,H,W] float32, output "scores" [1,labels] float32:
// the probability of each label, good first. Several networks become one graph whose logits are averaged.
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "training/network.h"
#include "training/statistics.h"

namespace lineside::training {

// score = calibration(mean of the members' logit 0); scores[0] = 1 - score; scores[1..] = score, shared by softmax over
// the remaining outputs when there are several reject labels. Deterministic. Errors: internal.
Result<std::vector<std::uint8_t>> export_onnx(std::span<const FoldedNetwork> members, const Calibration& calibration);

}  // namespace lineside::training
