#include "training/network.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <format>
#include <numbers>

#include "training/optimizer.h"

namespace lineside::training {
namespace {

constexpr double kBatchNormEps = 1e-5, kBatchNormMomentum = 0.1;

struct Conv {
  int in = 0, out = 0, stride = 1;
  bool residual = false;
  at::Tensor weight, gamma, beta, mean, variance;
};

at::Tensor random_tensor(at::IntArrayRef shape, double deviation, Random& random) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  auto* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  return tensor;
}

// Computing on the calling thread only is what makes results repeatable and lets networks train side by side.
void compute_on_this_thread() { at::set_num_threads(1); }

template <class F>
auto guarded(F&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, std::format("LibTorch: {}", error.what()));
  }
}

struct Batch {
  at::Tensor inputs, reject, label;  // reject: 0 or 1; label: 0-based reject class, -1 unknown
};

}  // namespace

struct Network::State {
  NetworkSpec spec;
  std::vector<Conv> convolutions;
  at::Tensor head_weight, head_bias;

  void add(int in, int out, int stride, bool residual, Random& random) {
    Conv conv{.in = in, .out = out, .stride = stride, .residual = residual};
    conv.weight = random_tensor({out, in, 3, 3}, std::sqrt(2.0 / (9.0 * in)), random).requires_grad_();
    conv.gamma = at::ones({out}).requires_grad_();
    conv.beta = at::zeros({out}).requires_grad_();
    conv.mean = at::zeros({out});
    conv.variance = at::ones({out});
    convolutions.push_back(std::move(conv));
  }

  std::vector<at::Tensor> parameters() const {
    std::vector<at::Tensor> result;
    for (const Conv& conv : convolutions) result.insert(result.end(), {conv.weight, conv.gamma, conv.beta});
    result.insert(result.end(), {head_weight, head_bias});
    return result;
  }

  std::vector<at::Tensor> everything() const {
    std::vector<at::Tensor> result = parameters();
    for (const Conv& conv : convolutions) result.insert(result.end(), {conv.mean, conv.variance});
    return result;
  }

  at::Tensor forward(at::Tensor x, bool training, double dropout, Random* random) const {
    for (const Conv& conv : convolutions) {
      at::Tensor y = at::conv2d(x, conv.weight, {}, conv.stride, 1);
      y = at::batch_norm(y, conv.gamma, conv.beta, conv.mean, conv.variance, training, kBatchNormMomentum,
                         kBatchNormEps, false);
      x = at::relu(conv.residual ? y + x : y);
    }
    at::Tensor features = at::cat({x.mean({2, 3}), x.amax({2, 3})}, 1);
    if (random != nullptr && dropout > 0) {
      at::Tensor mask = at::empty(features.sizes(), at::kFloat);
      auto* keep = mask.data_ptr<float>();
      for (std::int64_t i = 0; i < mask.numel(); ++i)
        keep[i] = random->chance(dropout) ? 0.0F : static_cast<float>(1 / (1 - dropout));
      features = features * mask;
    }
    return at::linear(features, head_weight, head_bias);
  }
};

Network::Network(const NetworkSpec& spec, std::uint64_t seed) : state_(std::make_unique<State>()) {
  Random random(seed);
  state_->spec = spec;
  int channels = spec.width;
  state_->add(spec.channels, channels, 2, false, random);
  for (const int multiple : {2, 4, 6}) {
    state_->add(channels, spec.width * multiple, 2, false, random);
    channels = spec.width * multiple;
    for (int block = 0; block < spec.blocks_per_stage; ++block) state_->add(channels, channels, 1, true, random);
  }
  state_->head_weight =
      random_tensor({spec.outputs, 2 * channels}, std::sqrt(1.0 / (2.0 * channels)), random).requires_grad_();
  state_->head_bias = at::zeros({spec.outputs}).requires_grad_();
}

Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

namespace {

// Draws a balanced batch: every other picture is a reject.
class Feeder {
 public:
  Feeder(const Dataset& data, std::span<const std::size_t> items, const AugmentSpec& augment, const TrainSpec& spec)
      : data_(data), spec_(spec), random_(spec.seed), augmenter_(data, augment) {
    for (const std::size_t item : items) (data.is_reject(item) ? rejects_ : goods_).push_back(item);
  }
  bool both_classes() const { return !goods_.empty() && !rejects_.empty(); }
  Random& random() { return random_; }

  Batch next(const NetworkSpec& network) {
    const auto elements = static_cast<std::size_t>(network.channels * network.input_width * network.input_height);
    Batch batch{at::empty({spec_.batch, network.channels, network.input_height, network.input_width}),
                at::empty({spec_.batch}), at::empty({spec_.batch}, at::kLong)};
    for (int i = 0; i < spec_.batch; ++i) {
      const std::span<float> out(batch.inputs.data_ptr<float>() + static_cast<std::size_t>(i) * elements, elements);
      const bool reject = i % 2 == 1;
      const std::size_t item = draw(reject ? rejects_ : goods_);
      augmenter_.make(item, random_, out);
      batch.reject.data_ptr<float>()[i] = reject ? 1.0F : 0.0F;
      batch.label.data_ptr<std::int64_t>()[i] = reject ? data_.items[item].label - 1 : -1;
    }
    return batch;
  }

 private:
  // Each item once before any comes again, in a new order each time.
  std::size_t draw(std::vector<std::size_t>& items) {
    std::size_t& at = &items == &goods_ ? next_good_ : next_reject_;
    if (at % items.size() == 0) random_.shuffle(std::span<std::size_t>(items));
    return items[at++ % items.size()];
  }

  const Dataset& data_;
  TrainSpec spec_;
  Random random_;
  std::vector<std::size_t> goods_, rejects_;
  std::size_t next_good_ = 0, next_reject_ = 0;
  Augmenter augmenter_;
};

at::Tensor loss_of(const at::Tensor& outputs, const Batch& batch, double smoothing) {
  const at::Tensor target = batch.reject * (1 - 2 * smoothing) + smoothing;
  at::Tensor loss = at::binary_cross_entropy_with_logits(outputs.select(1, 0), target);
  if (outputs.size(1) > 1) {
    const at::Tensor known = at::nonzero(batch.label.ge(0)).flatten();
    if (known.numel() > 0)
      loss = loss + 0.5 * at::cross_entropy_loss(outputs.slice(1, 1).index_select(0, known),
                                                 batch.label.index_select(0, known));
  }
  return loss;
}

double learning_rate_at(const TrainSpec& spec, int step) {
  const double part = static_cast<double>(step) / spec.steps;
  return spec.learning_rate * std::min(1.0, (part + 1e-3) / 0.1) *
         (0.5 * (1 + std::cos(std::numbers::pi * part)) + 0.01);
}

void average_into(std::vector<at::Tensor>& averages, const std::vector<at::Tensor>& values, double decay, int step) {
  const double kept = std::min(decay, (step + 1.0) / (step + 10.0));  // follows fast at first
  for (std::size_t i = 0; i < averages.size(); ++i) averages[i].mul_(kept).add_(values[i], 1 - kept);
}

}  // namespace

Result<void> Network::train(const Dataset& data, std::span<const std::size_t> items, const AugmentSpec& augment,
                            const TrainSpec& spec, const std::function<bool(const TrainProgress&)>& keep_going) {
  return guarded([&]() -> Result<void> {
    compute_on_this_thread();
    Feeder feeder(data, items, augment, spec);
    if (!feeder.both_classes())
      return fail(ErrorCode::dataset_invalid, "a training split has no good or no reject items");
    Optimizer optimizer(state_->parameters());
    std::vector<at::Tensor> values = state_->everything(), averages;
    for (const auto& value : values) averages.push_back(value.detach().clone());
    TrainProgress progress{.steps = spec.steps, .loss = std::numbers::ln2, .accuracy = 0.5};
    for (int step = 0; step < spec.steps; ++step) {
      const Batch batch = feeder.next(state_->spec);
      const at::Tensor outputs = state_->forward(batch.inputs, true, spec.dropout, &feeder.random());
      const at::Tensor loss = loss_of(outputs, batch, spec.label_smoothing);
      loss.backward();
      optimizer.step(learning_rate_at(spec, step), spec.weight_decay);
      const c10::NoGradGuard no_gradient;
      average_into(averages, values, spec.average_decay, step);
      const double right = outputs.select(1, 0).gt(0).eq(batch.reject.gt(0.5)).to(at::kFloat).mean().item<double>();
      progress.step = step + 1;
      progress.loss += 0.05 * (loss.item<double>() - progress.loss);
      progress.accuracy += 0.05 * (right - progress.accuracy);
      if (!keep_going(progress)) break;
    }
    const c10::NoGradGuard no_gradient;
    for (std::size_t i = 0; i < values.size(); ++i) values[i].copy_(averages[i]);
    return {};
  });
}

Result<std::vector<float>> Network::run(std::span<const std::vector<float>> inputs) const {
  return guarded([&]() -> Result<std::vector<float>> {
    compute_on_this_thread();
    const c10::NoGradGuard no_gradient;
    std::vector<float> results;
    for (const auto& input : inputs) {
      const at::Tensor x =
          at::from_blob(const_cast<float*>(input.data()),
                        {1, state_->spec.channels, state_->spec.input_height, state_->spec.input_width});
      const at::Tensor outputs = state_->forward(x, false, 0, nullptr).contiguous();
      results.insert(results.end(), outputs.data_ptr<float>(), outputs.data_ptr<float>() + outputs.numel());
    }
    return results;
  });
}

FoldedNetwork Network::folded() const {
  const c10::NoGradGuard no_gradient;
  const auto plain = [](const at::Tensor& tensor) {
    const at::Tensor packed = tensor.contiguous();
    return std::vector<float>(packed.data_ptr<float>(), packed.data_ptr<float>() + packed.numel());
  };
  FoldedNetwork result{.spec = state_->spec,
                       .convolutions = {},
                       .head_weights = plain(state_->head_weight),
                       .head_bias = plain(state_->head_bias)};
  for (const Conv& conv : state_->convolutions) {
    const at::Tensor gain = conv.gamma / (conv.variance + kBatchNormEps).sqrt();
    result.convolutions.push_back({.in = conv.in,
                                   .out = conv.out,
                                   .stride = conv.stride,
                                   .residual = conv.residual,
                                   .weights = plain(conv.weight * gain.view({-1, 1, 1, 1})),
                                   .bias = plain(conv.beta - conv.mean * gain)});
  }
  return result;
}

}  // namespace lineside::training
