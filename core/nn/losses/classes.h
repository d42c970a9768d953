#pragma once

#include "core/nn/losses/reduction.h"
#include "core/nn/losses/target_weights.h"

namespace nw::nn {

/// −w[t]·x[t] of log-probabilities x (N, C, d…) or (C), targets int64 (N, d…) or scalar; the mean
/// divides by the weights of the kept targets. Buffer: weight (C). Source: torch.nn.NLLLoss.
class NLLLoss : public Loss, public TargetWeights {
 public:
  struct Options {
    std::vector<double> weight = {};  // empty: none
    int64_t ignore_index = -100;
    std::string reduction = "mean";
  };
  explicit NLLLoss(const Options& options);

  Tensors forward(const Tensors& inputs) override;
  bool weighs_targets() const override { return weight_.defined() || ignore_index_ >= 0; }
  double weight_of(const Tensor& target) const override {
    return sum_of_weights(target, weight_, ignore_index_);
  }

 private:
  Tensor weight_;
  int64_t ignore_index_;
};

/// t·(log t − x) of log-probabilities x and probabilities t, or their logarithms. The reduction may
/// also be "batchmean". Source: torch.nn.KLDivLoss; Kullback & Leibler 1951.
class KLDivLoss : public Module {
 public:
  struct Options {
    std::string reduction = "mean";
    bool log_target = false;
  };
  explicit KLDivLoss(const Options& options);

  std::string kind() const override { return "KLDivLoss"; }
  Tensors forward(const Tensors& inputs) override;

 private:
  ops::KlReduction reduction_;
  bool log_target_;
};

/// Σ over j ≠ t of w[t]·max(0, margin − x[t] + x[j])^p / C: x (N, C) or (C), targets int64 (N) or
/// scalar. Buffer: weight (C). Source: torch.nn.MultiMarginLoss.
class MultiMarginLoss : public Loss {
 public:
  struct Options {
    int64_t p = 1;  // or 2
    double margin = 1.0;
    std::vector<double> weight = {};
    std::string reduction = "mean";
  };
  explicit MultiMarginLoss(const Options& options);

  Tensors forward(const Tensors& inputs) override;

 private:
  int p_;
  double margin_;
  Tensor weight_;
};

/// Σ over wanted t and unwanted j of max(0, 1 − x[t] + x[j]) / C: x (N, C) or (C), targets int64 of
/// its sizes whose classes end at the first −1. Source: torch.nn.MultiLabelMarginLoss.
class MultiLabelMarginLoss : public Loss {
 public:
  struct Options {
    std::string reduction = "mean";
  };
  explicit MultiLabelMarginLoss(const Options& options)
      : Loss("MultiLabelMarginLoss", options.reduction) {}

  Tensors forward(const Tensors& inputs) override;
};

Block nll_loss_block();
Block kl_div_loss_block();
Block multi_margin_loss_block();
Block multi_label_margin_loss_block();

}  // namespace nw::nn
