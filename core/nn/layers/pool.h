#pragma once

#include <optional>

#include "core/nn/block.h"
#include "core/nn/layers/extents.h"
#include "core/ops/pool.h"

/// Pooling of x (N, C, spatial…) or (C, spatial…) by windows; no parameters.
namespace nw::nn {

/// The largest of each window -> (N, C, spatial…); with return_indices a second tensor, int64:
/// where each came from. Source: torch.nn.MaxPool1d, MaxPool2d, MaxPool3d.
template <size_t N>
class MaxPool : public Module {
 public:
  struct Options {
    Extents<N> kernel_size;
    std::optional<Extents<N>> stride = {};  // none: the kernel's
    Extents<N> padding = 0;
    Extents<N> dilation = 1;
    bool return_indices = false;
    bool ceil_mode = false;
  };
  explicit MaxPool(const Options& options);

  std::string kind() const override;
  std::string extra_repr() const override;
  Tensors forward(const Tensors& inputs) override;

 private:
  Options options_;
  Window window_;
};

using MaxPool1d = MaxPool<1>;
using MaxPool2d = MaxPool<2>;
using MaxPool3d = MaxPool<3>;

/// The mean of each window -> (N, C, spatial…). Source: torch.nn.AvgPool1d, AvgPool2d, AvgPool3d.
template <size_t N>
class AvgPool : public UnaryModule {
 public:
  struct Options {
    Extents<N> kernel_size;
    std::optional<Extents<N>> stride = {};  // none: the kernel's
    Extents<N> padding = 0;
    bool ceil_mode = false;
    bool count_include_pad = true;
    std::optional<int64_t> divisor_override = {};  // not in one dimension
  };
  explicit AvgPool(const Options& options);

  std::string kind() const override;
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
  Window window_;
};

using AvgPool1d = AvgPool<1>;
using AvgPool2d = AvgPool<2>;
using AvgPool3d = AvgPool<3>;

/// (Σ xᵖ)^(1/p) of each window -> (N, C, spatial…). Source: torch.nn.LPPool1d, LPPool2d.
template <size_t N>
class LPPool : public UnaryModule {
 public:
  struct Options {
    double norm_type;
    Extents<N> kernel_size;
    std::optional<Extents<N>> stride = {};  // none: the kernel's
    bool ceil_mode = false;
  };
  explicit LPPool(const Options& options);

  std::string kind() const override;
  std::string extra_repr() const override;
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override;

 private:
  Options options_;
  Window window_;
};

using LPPool1d = LPPool<1>;
using LPPool2d = LPPool<2>;

/// Takes (input, indices) back to where MaxPool took the numbers from -> (N, C, spatial…), zeros
/// elsewhere. Source: torch.nn.MaxUnpool1d, MaxUnpool2d, MaxUnpool3d.
template <size_t N>
class MaxUnpool : public Module {
 public:
  struct Options {
    Extents<N> kernel_size;
    std::optional<Extents<N>> stride = {};  // none: the kernel's
    Extents<N> padding = 0;
    /// The spatial sizes that forward({input, indices}) makes; empty: the smallest that fit.
    std::vector<int64_t> output_size = {};
  };
  explicit MaxUnpool(const Options& options);

  std::string kind() const override;
  std::string extra_repr() const override;
  Tensors forward(const Tensors& inputs) override;
  /// A batch and channels may stand in front of the spatial sizes.
  Tensor forward(const Tensor& input, const Tensor& indices,
                 const std::vector<int64_t>& output_size);

 private:
  Options options_;
  Window window_;
};

using MaxUnpool1d = MaxUnpool<1>;
using MaxUnpool2d = MaxUnpool<2>;
using MaxUnpool3d = MaxUnpool<3>;

Block max_pool_block(size_t spatial);
Block avg_pool_block(size_t spatial);
Block lp_pool_block(size_t spatial);
Block max_unpool_block(size_t spatial);

}  // namespace nw::nn
