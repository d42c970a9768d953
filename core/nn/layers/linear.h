#pragma once

#include "core/nn/block.h"
#include "core/nn/fusable.h"

namespace nw::nn {

/// y = x·Wᵀ + b. x (…, in_features) -> (…, out_features), floating point or complex. state_dict:
/// weight (out, in), bias (out). Source: torch.nn.Linear.
class Linear : public UnaryModule, public EndsInActivation {
 public:
  struct Options {
    int64_t in_features;
    int64_t out_features;
    bool bias = true;
  };
  explicit Linear(const Options& options);

  std::string kind() const override { return "Linear"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;
  Tensor forward_through(const Tensor& input, ElementKind f) override;

 protected:
  struct WithoutSizes {};
  /// For LazyLinear.
  Linear(WithoutSizes, int64_t out_features, bool bias);

  int64_t in_features_;
  int64_t out_features_;
  Tensor weight_;
  Tensor bias_;
};

/// A Linear that takes in_features from its first input and is a Linear from then on. Source:
/// torch.nn.LazyLinear.
class LazyLinear : public Linear {
 public:
  struct Options {
    int64_t out_features;
    bool bias = true;
  };
  explicit LazyLinear(const Options& options)
      : Linear(WithoutSizes{}, options.out_features, options.bias) {}

  std::string kind() const override { return is_lazy() ? "LazyLinear" : "Linear"; }

 protected:
  void initialize_parameters(const Tensors& inputs) override;
};

/// Hands its input on. Source: torch.nn.Identity.
class Identity : public UnaryModule {
 public:
  std::string kind() const override { return "Identity"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return input; }
};

Block linear_block();
Block lazy_linear_block();
Block identity_block();

}  // namespace nw::nn
