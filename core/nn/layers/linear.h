#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// y = x·Wᵀ + b. x (…, in_features) -> (…, out_features). state_dict: weight (out, in), bias (out).
/// Source: torch.nn.Linear.
class Linear : public UnaryModule {
 public:
  struct Options {
    int64_t in_features;
    int64_t out_features;
    bool bias = true;
  };
  explicit Linear(const Options& options);

  std::string kind() const override { return "Linear"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Tensor weight_;
  Tensor bias_;
};

Block linear_block();

}  // namespace nw::nn
