#pragma once
// AdamW (Loshchilov and Hutter 2019); the decay is for weights, not for biases and normalisation. For sources that use
// LibTorch's tensors. One thread at a time.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <vector>

namespace lineside::training {

class Optimizer {
 public:
  explicit Optimizer(std::vector<at::Tensor> parameters) : parameters_(std::move(parameters)) {
    for (const auto& parameter : parameters_) {
      first_.push_back(at::zeros_like(parameter));
      second_.push_back(at::zeros_like(parameter));
    }
  }

  void step(double learning_rate, double weight_decay) {
    constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8;
    const c10::NoGradGuard no_gradient;
    ++steps_;
    const double correction1 = 1 - std::pow(kBeta1, steps_), correction2 = 1 - std::pow(kBeta2, steps_);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      at::Tensor& parameter = parameters_[i];
      const at::Tensor gradient = parameter.grad();
      first_[i].mul_(kBeta1).add_(gradient, 1 - kBeta1);
      second_[i].mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
      if (parameter.dim() > 1) parameter.mul_(1 - learning_rate * weight_decay);
      parameter.addcdiv_(first_[i], (second_[i] / correction2).sqrt_().add_(kEps), -learning_rate / correction1);
      parameter.mutable_grad() = at::Tensor();
    }
  }

 private:
  std::vector<at::Tensor> parameters_, first_, second_;
  int steps_ = 0;
};

}  // namespace lineside::training
