#pragma once

#include "core/nn/block.h"
#include "core/nn/losses/target_weights.h"
#include "core/ops/loss.h"

namespace nw::nn {

/// −log softmax(x)[t], averaged. Inputs: scores (N, C, d…) or (C), targets int64 (N, d…) or
/// probabilities of the scores' sizes -> scalar, or one loss for each target without reduction.
/// state_dict: weight (C) when given. Source: torch.nn.CrossEntropyLoss.
class CrossEntropyLoss : public Module, public TargetWeights {
 public:
  struct Options {
    std::vector<double> weight = {};  // for each class; empty: none
    int64_t ignore_index = -100;
    std::string reduction = "mean";  // or sum, none
    double label_smoothing = 0.0;
  };
  explicit CrossEntropyLoss(const Options& options);

  std::string kind() const override { return "CrossEntropyLoss"; }
  /// {scores, targets} -> {loss}
  Tensors forward(const Tensors& inputs) override;
  bool weighs_targets() const override;
  double weight_of(const Tensor& target) const override;

 private:
  ops::CrossEntropyOptions options_;
};

Block cross_entropy_loss_block();

}  // namespace nw::nn
