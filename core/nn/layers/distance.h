#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// The cosine of the angle between two vectors: inputs x1 and x2, which broadcast -> their sizes
/// without `dim`. Source: torch.nn.CosineSimilarity.
class CosineSimilarity : public Module {
 public:
  struct Options {
    int64_t dim = 1;
    double eps = 1e-8;
  };
  explicit CosineSimilarity(const Options& options) : options_(options) {}

  std::string kind() const override { return "CosineSimilarity"; }
  Tensors forward(const Tensors& inputs) override;

 private:
  Options options_;
};

/// ‖x1 − x2 + eps‖_p over the last dimension: inputs x1 and x2 (N, D) or (D) -> (N) or a scalar,
/// with keepdim (N, 1) or (1). Source: torch.nn.PairwiseDistance.
class PairwiseDistance : public Module {
 public:
  struct Options {
    double p = 2;
    double eps = 1e-6;
    bool keepdim = false;
  };
  explicit PairwiseDistance(const Options& options) : options_(options) {}

  std::string kind() const override { return "PairwiseDistance"; }
  Tensors forward(const Tensors& inputs) override;

 private:
  Options options_;
};

Block cosine_similarity_block();
Block pairwise_distance_block();

}  // namespace nw::nn
