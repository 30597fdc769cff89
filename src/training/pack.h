#pragma once
// From trained networks to a signed bundle: ONNX export, int8, and the gate that all forms of the model must agree.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "bundle/manifest.h"
#include "model/preprocess_spec.h"
#include "training/network.h"
#include "training/statistics.h"

namespace lineside::training {

enum class Precision : std::uint8_t {
  best,  // int8; fp32, said aloud, if int8 does not pass the gate
  int8,  // or nothing
  fp32,
};

struct PackInput {
  std::vector<const Network*> members;
  Calibration calibration;
  double threshold = 0.5;
  Precision precision = Precision::best;
  PreprocessSpec preprocess;                           // how the inputs below were made
  std::vector<std::vector<float>> calibration_inputs;  // for the ranges of int8
  std::vector<std::vector<float>> parity_inputs;       // on which the forms are compared
};

struct Packed {
  std::vector<std::uint8_t> onnx;
  PreprocessSpec::Type input = PreprocessSpec::Type::f32;  // u8: the pixels themselves (int8 models)
  bundle::Quantization quantization = bundle::Quantization::fp32;
  bundle::Parity parity;
};

// The gate: ONNX fp32 may differ from the trained networks by 0.002 in any score; int8 from fp32 by 0.03 on average,
// and verdicts may flip for 2 % of the pictures (or one). Errors: parity_failed, and those of export and quantize.
Result<Packed> pack(const PackInput& input, const std::function<void(const std::string&)>& say);

}  // namespace lineside::training
