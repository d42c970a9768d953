#pragma once

#include "core/nn/losses/reduction.h"

namespace nw::nn {

/// x where the target is 1, max(0, margin − x) where it is −1; x is a distance.
/// Source: torch.nn.HingeEmbeddingLoss.
class HingeEmbeddingLoss : public Loss {
 public:
  struct Options {
    double margin = 1.0;
    std::string reduction = "mean";
  };
  explicit HingeEmbeddingLoss(const Options& options)
      : Loss("HingeEmbeddingLoss", options.reduction), margin_(options.margin) {}

  Tensors forward(const Tensors& inputs) override;

 private:
  double margin_;
};

/// 1 − cos(a, b) where the target is 1, max(0, cos(a, b) − margin) where it is −1: {a, b, target},
/// (N, D), (N, D) and (N), or (D), (D) and scalar. Source: torch.nn.CosineEmbeddingLoss.
class CosineEmbeddingLoss : public Loss {
 public:
  struct Options {
    double margin = 0.0;
    std::string reduction = "mean";
  };
  explicit CosineEmbeddingLoss(const Options& options)
      : Loss("CosineEmbeddingLoss", options.reduction), margin_(options.margin) {}

  Tensors forward(const Tensors& inputs) override;

 private:
  double margin_;
};

/// max(0, −t·(a − b) + margin): {a, b, target} of one size. Source: torch.nn.MarginRankingLoss.
class MarginRankingLoss : public Loss {
 public:
  struct Options {
    double margin = 0.0;
    std::string reduction = "mean";
  };
  explicit MarginRankingLoss(const Options& options)
      : Loss("MarginRankingLoss", options.reduction), margin_(options.margin) {}

  Tensors forward(const Tensors& inputs) override;

 private:
  double margin_;
};

/// max(0, d(anchor, positive) − d(anchor, negative) + margin), d = ‖a − b + eps‖_p over the last
/// dimension. Source: torch.nn.TripletMarginLoss; Balntas et al. 2016.
class TripletMarginLoss : public Loss {
 public:
  struct Options {
    double margin = 1.0;
    double p = 2.0;
    double eps = 1e-6;
    bool swap = false;
    std::string reduction = "mean";
  };
  explicit TripletMarginLoss(const Options& options)
      : Loss("TripletMarginLoss", options.reduction),
        options_{
            .margin = options.margin, .p = options.p, .eps = options.eps, .swap = options.swap} {}

  Tensors forward(const Tensors& inputs) override;

 private:
  ops::TripletMarginOptions options_;
};

/// The same with PyTorch's default distance, the child distance_function, and keyword arguments
/// only. Source: torch.nn.TripletMarginWithDistanceLoss.
class TripletMarginWithDistanceLoss : public Loss {
 public:
  struct Options {
    double margin = 1.0;
    bool swap = false;
    std::string reduction = "mean";
  };
  explicit TripletMarginWithDistanceLoss(const Options& options);

  Tensors forward(const Tensors& inputs) override;

 private:
  Module* distance_;
  double margin_;
  bool swap_;
};

Block hinge_embedding_loss_block();
Block cosine_embedding_loss_block();
Block margin_ranking_loss_block();
Block triplet_margin_loss_block();
Block triplet_margin_with_distance_loss_block();

}  // namespace nw::nn
