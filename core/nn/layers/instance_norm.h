#pragma once

#include "core/nn/layers/norm_base.h"

namespace nw::nn {

/// y = (x − mean) / √(variance + eps) · weight + bias for each channel of each sample, by its own
/// mean and biased variance, or in evaluation by the running ones if track_running_stats.
/// x (N, C, spatial…) or (C, spatial…) -> the same sizes. Keys: see RunningNorm.
/// Source: torch.nn.InstanceNorm1d, 2d and 3d; Ulyanov, Vedaldi & Lempitsky 2016.
template <int kSpatial>
class InstanceNorm : public RunningNorm {
 public:
  struct Options {
    int64_t num_features;
    double eps = 1e-5;
    double momentum = 0.1;
    bool affine = false;
    bool track_running_stats = false;
  };
  explicit InstanceNorm(const Options& options);

  std::string kind() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 protected:
  using RunningNorm::RunningNorm;
};

/// An InstanceNorm that takes num_features from its first input and is an InstanceNorm from then
/// on. Source: torch.nn.LazyInstanceNorm1d, 2d and 3d.
template <int kSpatial>
class LazyInstanceNorm : public InstanceNorm<kSpatial> {
 public:
  /// options.num_features is not read.
  explicit LazyInstanceNorm(const RunningNorm::Options& options);

  std::string kind() const override;
};

using InstanceNorm1d = InstanceNorm<1>;
using InstanceNorm2d = InstanceNorm<2>;
using InstanceNorm3d = InstanceNorm<3>;

Block instance_norm_block(int spatial);
Block lazy_instance_norm_block(int spatial);

}  // namespace nw::nn
