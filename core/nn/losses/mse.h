#pragma once

#include "core/nn/block.h"
#include "core/ops/loss.h"

namespace nw::nn {

/// (x − t)², averaged over all numbers. Inputs of one size (or broadcast) -> scalar, or the same
/// sizes without reduction. Source: torch.nn.MSELoss.
class MSELoss : public Module {
 public:
  struct Options {
    std::string reduction = "mean";  // or sum, none
  };
  explicit MSELoss(const Options& options);

  std::string kind() const override { return "MSELoss"; }
  /// {answers, targets} -> {loss}
  Tensors forward(const Tensors& inputs) override;

 private:
  ops::Reduction reduction_;
};

Block mse_loss_block();

}  // namespace nw::nn
