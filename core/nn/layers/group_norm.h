#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// y = (x − mean) / √(variance + eps) · weight + bias, statistics over each of num_groups groups of
/// channels of a sample. x (N, C, *) -> the same sizes. state_dict, if affine: weight (C) of ones
/// and bias (C) of zeros. Source: torch.nn.GroupNorm; Wu & He 2018.
class GroupNorm : public UnaryModule {
 public:
  struct Options {
    int64_t num_groups;
    int64_t num_channels;
    double eps = 1e-5;
    bool affine = true;
  };
  explicit GroupNorm(const Options& options);

  std::string kind() const override { return "GroupNorm"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
  Tensor weight_;
  Tensor bias_;
};

/// x / (k + alpha/size · Σ x² over `size` neighbouring channels)^beta. x (N, C, *) with three or
/// more dimensions -> the same sizes.
/// Source: torch.nn.LocalResponseNorm; Krizhevsky, Sutskever & Hinton 2012.
class LocalResponseNorm : public UnaryModule {
 public:
  struct Options {
    int64_t size;
    double alpha = 1e-4;
    double beta = 0.75;
    double k = 1;
  };
  explicit LocalResponseNorm(const Options& options) : options_(options) {}

  std::string kind() const override { return "LocalResponseNorm"; }
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
};

Block group_norm_block();
Block local_response_norm_block();

}  // namespace nw::nn
