#pragma once

#include <optional>

#include "core/nn/block.h"

namespace nw::nn {

/// y = max(0, x). Source: torch.nn.ReLU.
class ReLU : public UnaryModule {
 public:
  std::string kind() const override { return "ReLU"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// y = tanh(x). Source: torch.nn.Tanh.
class Tanh : public UnaryModule {
 public:
  std::string kind() const override { return "Tanh"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// y = 1 / (1 + e⁻ˣ). Source: torch.nn.Sigmoid.
class Sigmoid : public UnaryModule {
 public:
  std::string kind() const override { return "Sigmoid"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
};

/// y = eˣ / Σ eˣ along one dimension. Without one, torch's old choice: 0 for tensors of 0, 1 or 3
/// dimensions, else 1. Source: torch.nn.Softmax.
class Softmax : public UnaryModule {
 public:
  struct Options {
    std::optional<int64_t> dim = {};
  };
  explicit Softmax(const Options& options) : dim_(options.dim) {}

  std::string kind() const override { return "Softmax"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  std::optional<int64_t> dim_;
};

Block relu_block();
Block tanh_block();
Block sigmoid_block();
Block softmax_block();

}  // namespace nw::nn
