#pragma once

#include "core/nn/losses/reduction.h"

namespace nw::nn {

/// −w·(t·log x + (1 − t)·log(1 − x)) of probabilities x. weight: broadcasts to the input. Buffer:
/// weight. Source: torch.nn.BCELoss.
class BCELoss : public Loss {
 public:
  struct Options {
    std::vector<double> weight = {};  // empty: none
    std::string reduction = "mean";
  };
  explicit BCELoss(const Options& options);

  Tensors forward(const Tensors& inputs) override;

 private:
  Tensor weight_;
};

/// The same of σ(x), without overflow; pos_weight counts for the targets of 1. Buffers: weight,
/// pos_weight. Source: torch.nn.BCEWithLogitsLoss.
class BCEWithLogitsLoss : public Loss {
 public:
  struct Options {
    std::vector<double> weight = {};
    std::string reduction = "mean";
    std::vector<double> pos_weight = {};
  };
  explicit BCEWithLogitsLoss(const Options& options);

  Tensors forward(const Tensors& inputs) override;

 private:
  Tensor weight_;
  Tensor pos_weight_;
};

/// log(1 + e^(−t·x)) with targets −1 and 1. Source: torch.nn.SoftMarginLoss.
class SoftMarginLoss : public Loss {
 public:
  struct Options {
    std::string reduction = "mean";
  };
  explicit SoftMarginLoss(const Options& options) : Loss("SoftMarginLoss", options.reduction) {}

  Tensors forward(const Tensors& inputs) override;
};

/// Mean over the classes (the last dimension) of BCEWithLogitsLoss. Buffer: weight (C).
/// Source: torch.nn.MultiLabelSoftMarginLoss.
class MultiLabelSoftMarginLoss : public Loss {
 public:
  struct Options {
    std::vector<double> weight = {};
    std::string reduction = "mean";
  };
  explicit MultiLabelSoftMarginLoss(const Options& options);

  Tensors forward(const Tensors& inputs) override;

 private:
  Tensor weight_;
};

Block bce_loss_block();
Block bce_with_logits_loss_block();
Block soft_margin_loss_block();
Block multi_label_soft_margin_loss_block();

}  // namespace nw::nn
