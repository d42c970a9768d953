#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// y = (x − mean) / √(variance + eps) · weight + bias over the last dimensions, whose sizes are
/// normalized_shape. x (*, normalized_shape…) -> the same sizes. state_dict, if elementwise_affine:
/// weight of ones and bias of zeros, both normalized_shape.
/// Source: torch.nn.LayerNorm; Ba, Kiros & Hinton 2016.
class LayerNorm : public UnaryModule {
 public:
  struct Options {
    Dims normalized_shape;
    double eps = 1e-5;
    bool elementwise_affine = true;
  };
  explicit LayerNorm(const Options& options);

  std::string kind() const override { return "LayerNorm"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
  Tensor weight_;
  Tensor bias_;
};

Block layer_norm_block();

}  // namespace nw::nn
