#pragma once
// The network: a stem and three stages of dense 3x3 convolutions with batch normalisation and ReLU, each stage halving
// the picture and ending in residual blocks; average and maximum over all places, then one linear layer. Dense 3x3
// convolutions gain most from int8; the maximum keeps small local evidence that an average would drown.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "training/augment.h"
#include "training/dataset.h"

namespace lineside::training {

struct NetworkSpec {
  int input_width = 128, input_height = 128, channels = 3;
  int width = 16;  // channels of the stem; the stages have 2, 4 and 6 times as many
  int blocks_per_stage = 1;
  int outputs = 1;  // 1 + number of reject classes when there are several, else 1: output 0 is the reject logit
};

// The trained network as plain numbers, batch normalisation folded into the convolutions: what the exporter writes.
struct ConvLayer {
  int in = 0, out = 0, stride = 1;
  bool residual = false;       // the layer's input is added before the ReLU
  std::vector<float> weights;  // [out][in][3][3]
  std::vector<float> bias;     // [out]
};
struct FoldedNetwork {
  NetworkSpec spec;
  std::vector<ConvLayer> convolutions;
  std::vector<float> head_weights;  // [outputs][2 * features]: averages first, then maxima
  std::vector<float> head_bias;     // [outputs]
};

struct TrainSpec {
  std::uint64_t seed = 1;
  int steps = 300, batch = 16;
  double learning_rate = 2e-3, weight_decay = 0.05, label_smoothing = 0.05, dropout = 0.2;
  double average_decay = 0.99;  // of the weights' moving average that is kept; 0: the last weights
};

struct TrainProgress {
  int step = 0, steps = 0;
  double loss = 0, accuracy = 0;  // running means over recent batches
};

// One network and its training. One thread at a time; several networks may be trained on several threads at once: each
// computes on its own thread only and draws from its own random numbers, so the result does not depend on the others.
class Network {
 public:
  Network(const NetworkSpec& spec, std::uint64_t seed);
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();

  // Learns from `items` of `data`. `keep_going` is asked at each step; when it returns false the training ends early
  // with what was learned so far. Errors: internal (LibTorch's reason), dataset_invalid (a class is missing).
  Result<void> train(const Dataset& data, std::span<const std::size_t> items, const AugmentSpec& augment,
                     const TrainSpec& spec, const std::function<bool(const TrainProgress&)>& keep_going);
  // The outputs (before any sigmoid) for inputs of one picture each: inputs.size() * spec.outputs numbers.
  Result<std::vector<float>> run(std::span<const std::vector<float>> inputs) const;
  FoldedNetwork folded() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lineside::training
