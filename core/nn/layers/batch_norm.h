#pragma once

#include "core/nn/layers/norm_base.h"

namespace nw::nn {

/// y = (x − mean) / √(variance + eps) · weight + bias for each channel: in training by the mean and
/// the biased variance of the batch, which the running statistics take up (the variance unbiased);
/// in evaluation by these. Without track_running_stats always by the batch. x (N, C, spatial…), or
/// (N, C) for one spatial dimension -> the same sizes. Keys: see RunningNorm.
/// Source: torch.nn.BatchNorm1d, 2d and 3d; Ioffe & Szegedy 2015.
template <int kSpatial>
class BatchNorm : public RunningNorm {
 public:
  explicit BatchNorm(const Options& options);

  std::string kind() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 protected:
  using RunningNorm::RunningNorm;
};

/// A BatchNorm that takes num_features from its first input and is a BatchNorm from then on.
/// Source: torch.nn.LazyBatchNorm1d, 2d and 3d.
template <int kSpatial>
class LazyBatchNorm : public BatchNorm<kSpatial> {
 public:
  /// options.num_features is not read.
  explicit LazyBatchNorm(const RunningNorm::Options& options);

  std::string kind() const override;
};

using BatchNorm1d = BatchNorm<1>;
using BatchNorm2d = BatchNorm<2>;
using BatchNorm3d = BatchNorm<3>;

Block batch_norm_block(int spatial);
Block lazy_batch_norm_block(int spatial);

}  // namespace nw::nn
