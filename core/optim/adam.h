#pragma once

#include "core/optim/optimizer.h"

namespace nw::optim {

/// Adam: a step of its own size for each number, from running means of the gradient and of its
/// square. g += wd·p; m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²; p −= lr/(1 − β₁ᵗ) · m / (√v/√(1 −
/// β₂ᵗ) + ε); amsgrad takes the largest v so far. Source: torch.optim.Adam; Kingma & Ba 2015.
class Adam : public Optimizer {
 public:
  struct Options {
    double lr = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-8;
    double weight_decay = 0;
    bool amsgrad = false;
    bool maximize = false;
  };
  /// Throws Error where torch raises a ValueError.
  Adam(std::vector<Tensor> params, const Options& options);

  void step() override;
  double learning_rate() const override { return options_.lr; }
  void set_learning_rate(double lr) override { options_.lr = lr; }

 private:
  struct State {
    int64_t step = 0;
    Tensor exp_avg, exp_avg_sq, max_exp_avg_sq;  // made at a parameter's first step
  };

  Options options_;
  std::vector<State> states_;
};

OptimizerSpec adam_spec();

}  // namespace nw::optim
