#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// y[o] = x1ᵀ·W[o]·x2 + b[o]: inputs x1 (…, in1_features) and x2 (…, in2_features) of the same
/// other sizes -> (…, out_features). state_dict: weight (out, in1, in2) and bias (out), both from
/// U(±1/√in1_features). Source: torch.nn.Bilinear.
class Bilinear : public Module {
 public:
  struct Options {
    int64_t in1_features;
    int64_t in2_features;
    int64_t out_features;
    bool bias = true;
  };
  explicit Bilinear(const Options& options);

  std::string kind() const override { return "Bilinear"; }
  std::string extra_repr() const override;
  Tensors forward(const Tensors& inputs) override;

 private:
  Options options_;
  Tensor weight_;
  Tensor bias_;
};

Block bilinear_block();

}  // namespace nw::nn
