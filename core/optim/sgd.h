#pragma once

#include "core/optim/optimizer.h"

namespace nw::optim {

/// Stochastic gradient descent. g += wd·p; first b = g, then b = μ·b + (1 − τ)·g; p −= lr·b, with
/// nesterov lr·(g + μ·b). Source: torch.optim.SGD.
class SGD : public Optimizer {
 public:
  struct Options {
    double lr;
    double momentum = 0;
    double dampening = 0;
    double weight_decay = 0;
    bool nesterov = false;
    bool maximize = false;
  };
  /// Throws Error where torch raises a ValueError.
  SGD(std::vector<Tensor> params, const Options& options);

  void step() override;
  double learning_rate() const override { return options_.lr; }
  void set_learning_rate(double lr) override { options_.lr = lr; }

 private:
  Options options_;
  std::vector<Tensor> buffers_;  // undefined until a parameter's first step
};

OptimizerSpec sgd_spec();

}  // namespace nw::optim
