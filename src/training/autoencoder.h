#pragma once
// A small autoencoder over a window's deviations from normal: three dense layers with tanh and a linear one, the
// narrow middle forcing it to keep only what normal windows have in common.
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"

namespace lineside::training {

struct DenseLayer {
  int in = 0, out = 0;
  bool tanh = true;
  std::vector<float> weights, bias;  // [out][in], [out]
};

struct AutoencoderSpec {
  int hidden = 32, middle = 8;
  int steps = 600, batch = 64;
  double learning_rate = 3e-3, noise = 0.1;  // noise on the input while learning (denoising autoencoder)
};

// Learns on the calling thread only, from its own random numbers: the same rows and seed give the same layers.
// `rows` all have one length. Errors: internal (LibTorch's reason).
Result<std::vector<DenseLayer>> train_autoencoder(const std::vector<std::vector<float>>& rows,
                                                  const AutoencoderSpec& spec, std::uint64_t seed);
std::vector<float> run_layers(const std::vector<DenseLayer>& layers, std::vector<float> values);

// As an ONNX graph (opset 13), input and output "deviations" and "reconstruction" [1,n] float32.
std::vector<std::uint8_t> export_autoencoder(const std::vector<DenseLayer>& layers);

}  // namespace lineside::training
