#pragma once

#include "core/nn/losses/reduction.h"

namespace nw::nn {

/// |x − t|, for complex numbers, too. Inputs of one size (or broadcast). Source: torch.nn.L1Loss.
class L1Loss : public Loss {
 public:
  struct Options {
    std::string reduction = "mean";
  };
  explicit L1Loss(const Options& options) : Loss("L1Loss", options.reduction) {}

  Tensors forward(const Tensors& inputs) override;
};

/// z = |x − t|: z²/2β below β, else z − β/2. Inputs of one size (or broadcast).
/// Source: torch.nn.SmoothL1Loss; Girshick 2015.
class SmoothL1Loss : public Loss {
 public:
  struct Options {
    std::string reduction = "mean";
    double beta = 1.0;
  };
  explicit SmoothL1Loss(const Options& options)
      : Loss("SmoothL1Loss", options.reduction), beta_(options.beta) {}

  Tensors forward(const Tensors& inputs) override;

 private:
  double beta_;
};

/// z = |x − t|: z²/2 up to δ, else δ·(z − δ/2). Inputs of one size (or broadcast).
/// Source: torch.nn.HuberLoss; Huber 1964.
class HuberLoss : public Loss {
 public:
  struct Options {
    std::string reduction = "mean";
    double delta = 1.0;
  };
  explicit HuberLoss(const Options& options)
      : Loss("HuberLoss", options.reduction), delta_(options.delta) {}

  Tensors forward(const Tensors& inputs) override;

 private:
  double delta_;
};

/// (log v + (x − t)²/v)/2 with v = max(var, eps). {means, targets, variances}; the variances have
/// the input's sizes, or 1 or nothing in place of the last. Source: torch.nn.GaussianNLLLoss; Nix &
/// Weigend 1994.
class GaussianNLLLoss : public Loss {
 public:
  struct Options {
    bool full = false;
    double eps = 1e-6;
    std::string reduction = "mean";
  };
  explicit GaussianNLLLoss(const Options& options)
      : Loss("GaussianNLLLoss", options.reduction),
        options_{.full = options.full, .eps = options.eps} {}

  Tensors forward(const Tensors& inputs) override;

 private:
  ops::GaussianNllOptions options_;
};

/// eˣ − t·x, or without log_input x − t·log(x + eps). Source: torch.nn.PoissonNLLLoss.
class PoissonNLLLoss : public Loss {
 public:
  struct Options {
    bool log_input = true;
    bool full = false;
    double eps = 1e-8;
    std::string reduction = "mean";
  };
  explicit PoissonNLLLoss(const Options& options)
      : Loss("PoissonNLLLoss", options.reduction),
        options_{.log_input = options.log_input, .full = options.full, .eps = options.eps} {}

  Tensors forward(const Tensors& inputs) override;

 private:
  ops::PoissonNllOptions options_;
};

Block l1_loss_block();
Block smooth_l1_loss_block();
Block huber_loss_block();
Block gaussian_nll_loss_block();
Block poisson_nll_loss_block();

}  // namespace nw::nn
